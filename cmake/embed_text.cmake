# Writes a .cpp that defines `const std::string_view NAMESPACE::NAME` with the bytes of a text file, cut into literals that
# compilers accept: cmake -DINPUT=… -DOUTPUT=… -DNAMESPACE=… -DNAME=… -P embed_text.cmake
file(READ ${INPUT} hex HEX)
string(LENGTH "${hex}" length)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x[0-9a-f][0-9a-f],){32})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <string_view>\n\nnamespace ${NAMESPACE} {\nnamespace {\nconstexpr unsigned char k_bytes[] = {\n${bytes}\n};\n}\nextern const std::string_view ${NAME};\nconst std::string_view ${NAME}{reinterpret_cast<const char*>(k_bytes), sizeof k_bytes};\n}  // namespace ${NAMESPACE}\n")
