read -r line
printf '%s\n' '{"type":"error","id":1,"code":"INFEASIBLE","message":"no row is left","option":"sql"}' >&5
read -r line
