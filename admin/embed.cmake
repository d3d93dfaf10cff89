# Writes OUT, a C++ source that holds FILES (a list with commas) as octets; run by cmake -P.
string(REPLACE "," ";" FILES "${FILES}")
set(source "// Made by embed.cmake.\n#include \"admin/page.h\"\n\nnamespace admin {\nnamespace {\n")
set(table "")
set(index 0)
foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," octets "${hex}")
    string(APPEND source "constexpr char kFile${index}[] = {${octets}'\\0'};\n")
    string(APPEND table "    {\"${name}\", {kFile${index}, sizeof kFile${index} - 1}},\n")
    math(EXPR index "${index} + 1")
endforeach()
string(APPEND source "constexpr EmbeddedFile kFiles[] = {\n${table}};\n}  // namespace\n\n"
    "const EmbeddedFile* find_embedded(std::string_view name) {\n"
    "    for (const EmbeddedFile& file : kFiles) {\n"
    "        if (file.name == name) return &file;\n"
    "    }\n    return nullptr;\n}\n\n}  // namespace admin\n")
file(WRITE ${OUT} "${source}")
