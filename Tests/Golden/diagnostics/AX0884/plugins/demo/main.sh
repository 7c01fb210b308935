read -r line
rows=$(printf '%s' "$line" | sed -n 's/.*"rows":"\([^"]*\)".*/\1/p')
printf '%s\n' '{"type":"error","id":1,"code":"INFEASIBLE","message":"it has no values below 18","columns":["age"],"hint":"raise the least age"}' >&5
read -r line
