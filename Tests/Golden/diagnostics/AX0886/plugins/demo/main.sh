echo "made 3 rows" >&5; read -r line; read -r line
