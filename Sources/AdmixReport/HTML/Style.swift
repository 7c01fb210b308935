extension HTMLReport {
  /// Colours are Okabe and Ito's, darkened until they stand out 3 : 1 from white; series differ in shape
  /// or dash as well.
  static let style = """
    :root{color-scheme:light dark;--bg:#fcfcfb;--fg:#1c1b19;--soft:#5f5c56;--line:#dedbd4;--card:#fff;
    --c0:#0072b2;--c1:#c65300;--c2:#00875f;--c3:#a8548c;--good:#00704d;--bad:#b3261e;--warn:#7d5200;
    --heat:0,114,178;--onheat:#fff}
    @media(prefers-color-scheme:dark){:root{--bg:#161615;--fg:#eceae5;--soft:#a8a49c;--line:#3a3833;
    --card:#1e1d1b;--c0:#56b4e9;--c1:#e69f00;--c2:#2fc99a;--c3:#e7a6cc;--good:#4cc38a;--bad:#ff8f85;
    --warn:#e0b04c;--heat:86,180,233;--onheat:#111}}
    *{box-sizing:border-box}
    body{margin:0 auto;max-width:1200px;padding:28px 24px 64px;background:var(--bg);color:var(--fg);
    font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
    h1{font-size:28px;line-height:1.2;margin:0}h2{font-size:20px;margin:44px 0 8px;line-height:1.3}
    h3{font-size:16px;margin:30px 0 6px}h4{font-size:14px;margin:18px 0 4px}
    p{margin:6px 0;max-width:75ch}ul{margin:6px 0;padding-left:20px}a{color:var(--c0)}
    code,.mono{font:13px ui-monospace,"DejaVu Sans Mono",monospace}code{overflow-wrap:anywhere}
    .about{font-size:16px}.soft,.none{color:var(--soft)}
    nav{margin:16px 0 0;display:flex;flex-wrap:wrap;gap:4px 18px}
    .verdict{margin:18px 0 0;padding:12px 18px;border:1px solid var(--line);border-left:6px solid currentColor;border-radius:8px;background:var(--card)}
    .verdict p{font-size:19px;font-weight:650;margin:0;max-width:none}.verdict .sign{display:inline-block;min-width:1.3em}
    .verdict ul{margin:4px 0 0;padding-left:44px;color:var(--fg)}
    .facts{display:flex;flex-wrap:wrap;gap:8px 28px;margin:16px 0 0;padding:0}
    .facts dt{color:var(--soft);font-size:12px}.facts dd{margin:0;font-weight:600}
    .findings li{margin:4px 0;max-width:90ch}
    .scroll{overflow-x:auto}.scroll:focus-visible,summary:focus-visible,a:focus-visible{outline:2px solid var(--c0);outline-offset:2px}
    table{border-collapse:collapse;font-size:14px;margin:8px 0}
    th,td{text-align:left;vertical-align:top;padding:5px 16px 5px 0;border-bottom:1px solid var(--line)}
    thead th{color:var(--soft);font-weight:600;font-size:12px;white-space:nowrap}tbody th{font-weight:400;color:var(--fg)}
    td.num{font-variant-numeric:tabular-nums;white-space:nowrap}
    td .ci{color:var(--soft);font-size:12px;white-space:normal}td span.ci{white-space:nowrap}.undef{color:var(--soft);font-style:italic}
    .why{min-width:16ch;max-width:52ch}.path,.digest{overflow-wrap:anywhere}
    .tag{display:inline-block;padding:0 9px;border-radius:9px;font-size:12px;font-weight:600;border:1px solid currentColor;white-space:nowrap}
    .good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.quiet{color:var(--soft)}
    details{margin:8px 0}summary{cursor:pointer;color:var(--c0)}
    .check{border-bottom:1px solid var(--line);padding:8px 0}.check>summary{color:var(--fg);font-weight:600}.check>summary .soft{font-weight:400}
    .terms{margin:8px 0;max-width:90ch;font-size:14px}.terms dt{font-weight:600}.terms dd{margin:0 0 6px;color:var(--soft)}
    .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr));gap:14px;margin:10px 0;align-items:start}
    .chart{margin:0;padding:12px 14px;background:var(--card);border:1px solid var(--line);border-radius:8px;min-width:0}
    .chart.wide{grid-column:1/-1}
    figcaption{font-size:13px;font-weight:600;margin-bottom:8px;display:flex;flex-wrap:wrap;gap:4px 14px}
    .legend{font-weight:400;display:flex;flex-wrap:wrap;gap:2px 14px}p.legend{font-size:13px;max-width:none}
    .key{display:inline-block;width:9px;height:9px;margin-right:6px}
    .edge-key{display:inline-block;width:22px;border-top:2px solid var(--soft);vertical-align:middle;margin-right:6px}.edge-key.order{border-top-style:dashed}
    .row{display:grid;grid-template-columns:minmax(60px,30%) 1fr 52px;gap:10px;align-items:center;font-size:12px}
    .label{text-align:right;overflow-wrap:anywhere;line-height:1.25}
    .figures{display:flex;flex-direction:column;font-size:11px;line-height:14px;font-variant-numeric:tabular-nums;min-width:46px}
    .track{position:relative;border-left:1px solid var(--line);border-right:1px solid var(--line)}
    .row:nth-child(even) .track{background:color-mix(in srgb,var(--line) 30%,transparent)}
    .track i{position:absolute}.dot{width:9px;height:9px;margin:-4.5px 0 0 -4.5px}
    .dot.faint{opacity:.4}.whisker{height:2px;margin-top:-1px;opacity:.65}
    .bar{height:10px;margin-top:-5px;border-radius:0 3px 3px 0;min-width:1px}
    .ref{top:0;bottom:0;border-left:1px dashed var(--soft)}
    .f0{background:var(--c0)}.f1{background:var(--c1)}.f2{background:var(--c2)}.f3{background:var(--c3)}
    .dot.f0,.key.f0{border-radius:50%}.dot.f2,.key.f2{transform:rotate(45deg)}
    .dot.f3,.key.f3{clip-path:polygon(50% 0,100% 100%,0 100%)}
    .axis .ticks{position:relative;height:16px}.ticks span{position:absolute;transform:translateX(-50%);font-size:11px;color:var(--soft);white-space:nowrap}
    svg text{font-size:11px;fill:var(--soft)}svg .end{text-anchor:end}.grid{stroke:var(--line)}
    polyline{fill:none;stroke-width:1.8}.l0{stroke:var(--c0)}.l1{stroke:var(--c1);stroke-dasharray:5 3}.l2{stroke:var(--c2);stroke-dasharray:2 3}.l3{stroke:var(--c3);stroke-dasharray:8 3 2 3}
    .curve svg,.raster{width:100%;height:auto;display:block}.raster{max-width:640px;border:1px solid var(--line)}
    .curve .key{width:20px;height:0;background:none;border-radius:0;transform:none;clip-path:none;border-top:2px solid var(--c0);vertical-align:middle}
    .curve .key.f1{border-top:2px dashed var(--c1)}.curve .key.f2{border-top:2px dotted var(--c2)}.curve .key.f3{border-top:2px dashed var(--c3)}
    .heat{font-size:11px;margin:0}.heat th{border:0;padding:2px 8px 2px 0;white-space:nowrap;font-size:11px}
    .heat thead th{vertical-align:bottom;padding:0 2px 4px}.heat thead td{background:none}
    .heat thead span{writing-mode:vertical-rl;transform:rotate(180deg)}
    .heat td{border:1px solid var(--bg);padding:3px 5px;text-align:center;background:rgba(var(--heat),calc(var(--v)/100*.9));font-variant-numeric:tabular-nums}
    .heat td.strong{color:var(--onheat)}.heat td.void{background:none;color:var(--soft)}
    .graph{display:block;width:var(--w);max-width:100%;min-width:calc(var(--w)*.72);height:auto}
    .graph .edge{fill:none;stroke:var(--soft);stroke-width:1.3;opacity:.7}.graph .order{stroke-dasharray:4 3}
    .graph rect{fill:var(--card);stroke:var(--line);stroke-width:1.5}
    .graph .executed rect{stroke:var(--c0)}.graph .cached rect{stroke:var(--soft)}
    .graph .failed rect,.graph .tripped rect{stroke:var(--bad);stroke-width:2.5}.graph .skipped rect,.graph .gated rect{stroke-dasharray:4 3}
    .graph .name{font-size:13px;font-weight:600;fill:var(--fg)}
    footer{margin-top:56px;padding-top:12px;border-top:1px solid var(--line);color:var(--soft);font-size:13px}
    @media(max-width:640px){body{padding:20px 16px 48px}h1{font-size:23px}h2{margin-top:34px}.verdict ul{padding-left:20px}
    .stack thead{display:none}.stack,.stack tbody,.stack tr,.stack td{display:block;width:100%}
    .stack tr{padding:8px 0;border-bottom:1px solid var(--line)}.stack td{border:0;padding:1px 0;white-space:normal;max-width:none}
    .stack td:empty{display:none}.stack td[data-label]::before{content:attr(data-label) ": ";color:var(--soft);font-size:12px}
    .stack td[data-label]>div:first-of-type{display:inline}.graph{min-width:var(--w)}
    .row{grid-template-columns:minmax(60px,32%) 1fr 48px;gap:8px}}
    @media print{:root{--bg:#fff;--card:#fff}body{max-width:none;padding:0;font-size:11pt}.chart,tr,.verdict{break-inside:avoid}h2,h3,h4{break-after:avoid}
    nav{display:none}.scroll{overflow:visible}details::details-content{content-visibility:visible;block-size:auto}
    i,.heat td,.track{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
    """
}
