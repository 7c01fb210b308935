read -r line
rows=$(printf '%s' "$line" | sed -n 's/.*"rows":"\([^"]*\)".*/\1/p')
printf '{"age":31}\n{"age":"forty"}\n{"age":12}\n' > "$rows"
printf '%s\n' '{"type":"result","id":1}' >&5
read -r line
