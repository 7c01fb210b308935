cat ../../people.csv 2>/dev/null
exit 1
