read -r line
printf "%s\n" "{\"type\":\"error\",\"id\":1,\"code\":\"PARAMETER\",\"message\":\"Table with name peeple does not exist!\",\"option\":\"sql\",\"line\":2,\"hint\":\"its tables are the inputs of the stage\"}" >&5
read -r line
