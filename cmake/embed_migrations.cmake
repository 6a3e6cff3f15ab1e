# Writes a .cpp with every migrations/*.sql as a raw string. Called by server/CMakeLists.txt at build time:
#   cmake -DFOLDER=… -DOUTPUT=… -P embed_migrations.cmake
file(GLOB files ${FOLDER}/*.sql)
list(SORT files)
set(rows "")
foreach(path ${files})
    get_filename_component(name ${path} NAME_WE)
    string(REGEX MATCH "^[0-9]+" number ${name})
    string(REGEX REPLACE "^0+" "" number ${number})
    file(READ ${path} sql)
    string(APPEND rows "    {${number}, \"${name}\", R\"__SQL__(${sql})__SQL__\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"server/store/schema.hpp\"\n\nnamespace sluice::store {\nnamespace {\nconstexpr Migration k_migrations[] = {\n${rows}};\n}\nstd::span<const Migration> migrations() { return k_migrations; }\n}  // namespace sluice::store\n")
