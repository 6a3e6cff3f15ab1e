test "$(printf beta | wc -c)" -eq 4
