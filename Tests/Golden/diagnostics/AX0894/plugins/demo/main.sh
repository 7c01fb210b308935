read -r line
rows=$(printf '%s' "$line" | sed -n 's/.*"rows":"\([^"]*\)".*/\1/p')
printf '%s\n' '{"type":"warning","message":"it has few values, which are told apart badly","columns":["age"]}' >&5
printf '{"age":31}\n{"age":40}\n{"age":12}\n' > "$rows"
printf '%s\n' '{"type":"result","id":1}' >&5
read -r line
