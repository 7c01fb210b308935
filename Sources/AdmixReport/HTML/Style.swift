extension HTMLReport {
  /// Colours are Okabe and Ito's, which people who see few colours can tell apart.
  static let style = """
    :root{color-scheme:light dark;--bg:#fcfcfb;--fg:#1c1b19;--soft:#63605a;--line:#dedbd4;--card:#fff;
    --c0:#0072b2;--c1:#d55e00;--c2:#00875f;--c3:#a8548c;--good:#00704d;--bad:#b3261e;--warn:#8a5a00;
    --heat:0,114,178}
    @media(prefers-color-scheme:dark){:root{--bg:#161615;--fg:#eceae5;--soft:#a19d95;--line:#37352f;
    --card:#1e1d1b;--c0:#56b4e9;--c1:#e69f00;--c2:#2fc99a;--c3:#e7a6cc;--good:#4cc38a;--bad:#ff8f85;
    --warn:#e0b04c;--heat:86,180,233}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:1080px;padding:24px 20px 64px;background:var(--bg);color:var(--fg);
    font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
    h1{font-size:26px;line-height:1.2;margin:0}h2{font-size:20px;margin:44px 0 8px}
    h3{font-size:16px;margin:28px 0 6px}h4{font-size:14px;margin:16px 0 4px}
    p{margin:6px 0;max-width:75ch}a{color:var(--c0)}code,.mono{font:13px ui-monospace,"DejaVu Sans Mono",monospace}
    .soft,.none{color:var(--soft)}nav{margin:14px 0 0;display:flex;flex-wrap:wrap;gap:4px 16px}
    .facts{display:flex;flex-wrap:wrap;gap:8px 28px;margin:14px 0 0;padding:0}
    .facts div{min-width:90px}.facts dt{color:var(--soft);font-size:12px}.facts dd{margin:0;font-weight:600}
    .scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
    table{border-collapse:collapse;font-size:14px;margin:8px 0}
    th,td{text-align:left;vertical-align:top;padding:5px 14px 5px 0;border-bottom:1px solid var(--line)}
    th{color:var(--soft);font-weight:600;font-size:12px;white-space:nowrap}
    td.num{font-variant-numeric:tabular-nums;white-space:nowrap}
    td .ci{color:var(--soft);font-size:12px}.undef{color:var(--soft);font-style:italic}
    .tag{display:inline-block;padding:0 8px;border-radius:9px;font-size:12px;font-weight:600;border:1px solid currentColor}
    .good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.quiet{color:var(--soft)}
    .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:14px;margin:10px 0}
    .chart{margin:0;padding:12px 14px;background:var(--card);border:1px solid var(--line);border-radius:8px;min-width:0}
    .chart.wide{grid-column:1/-1}
    figcaption{font-size:13px;font-weight:600;margin-bottom:8px;display:flex;flex-wrap:wrap;gap:4px 14px}
    .legend{font-weight:400;display:flex;flex-wrap:wrap;gap:2px 12px}.key{display:inline-block;width:9px;height:9px;border-radius:5px;margin-right:5px}
    .row{display:grid;grid-template-columns:minmax(60px,30%) 1fr 52px;gap:10px;align-items:center;font-size:12px}
    .label{text-align:right;overflow-wrap:anywhere;line-height:1.25}
    .figures{display:flex;flex-direction:column;font-size:11px;line-height:14px;font-variant-numeric:tabular-nums;min-width:46px}
    .track{position:relative;border-left:1px solid var(--line);border-right:1px solid var(--line)}
    .track i{position:absolute}.dot{width:9px;height:9px;border-radius:5px;margin:-4.5px 0 0 -4.5px}
    .dot.faint{opacity:.35}.whisker{height:2px;margin-top:-1px;opacity:.65}
    .bar{height:10px;margin-top:-5px;border-radius:0 3px 3px 0}
    .ref{top:0;bottom:0;border-left:1px dashed var(--soft)}
    .f0{background:var(--c0)}.f1{background:var(--c1)}.f2{background:var(--c2)}.f3{background:var(--c3)}
    .s0{color:var(--c0)}.s1{color:var(--c1)}.s2{color:var(--c2)}.s3{color:var(--c3)}
    .axis .ticks{position:relative;height:16px}.ticks span{position:absolute;transform:translateX(-50%);font-size:11px;color:var(--soft);white-space:nowrap}
    svg text{font-size:11px;fill:var(--soft)}svg .end{text-anchor:end}.grid{stroke:var(--line)}
    polyline{fill:none;stroke-width:1.8}.l0{stroke:var(--c0)}.l1{stroke:var(--c1);stroke-dasharray:5 3}.l2{stroke:var(--c2);stroke-dasharray:2 3}.l3{stroke:var(--c3);stroke-dasharray:8 3 2 3}
    .curve svg{width:100%;height:auto;display:block}
    .heat{font-size:11px;margin:0}.heat th{border:0;padding:2px 8px 2px 0}
    .heat thead th{height:88px;vertical-align:bottom;padding:0 2px}
    .heat thead span{writing-mode:vertical-rl;transform:rotate(180deg)}
    .heat td{border:1px solid var(--bg);padding:3px 5px;text-align:center;background:rgba(var(--heat),calc(var(--v)/100*.9));font-variant-numeric:tabular-nums}
    .heat td.strong{color:#fff}.heat td.void{background:none;color:var(--soft)}
    @media(prefers-color-scheme:dark){.heat td.strong{color:#111}}
    .graph .edge{fill:none;stroke:var(--soft);stroke-width:1.3;opacity:.7}.graph .order{stroke-dasharray:4 3}
    .graph rect{fill:var(--card);stroke:var(--line);stroke-width:1.5}
    .graph .executed rect{stroke:var(--c0)}.graph .cached rect{stroke:var(--line)}
    .graph .failed rect,.graph .tripped rect{stroke:var(--bad)}.graph .skipped rect,.graph .gated rect{stroke-dasharray:4 3}
    .graph .name{font-size:13px;font-weight:600;fill:var(--fg)}
    footer{margin-top:56px;padding-top:12px;border-top:1px solid var(--line);color:var(--soft);font-size:13px}
    @media print{body{max-width:none}.chart,tr{break-inside:avoid}nav{display:none}}
    """
}
