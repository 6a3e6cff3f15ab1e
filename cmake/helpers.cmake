# A layer is a static library of all .cpp files below its folder; the arch test checks what it includes.
function(sluice_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PCH" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC sluice_settings ${ARG_LINK})
    if(ARG_PCH)
        target_precompile_headers(${name} PRIVATE ${ARG_PCH})
    endif()
endfunction()

function(sluice_program name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE sluice_settings ${ARG_LINK})
endfunction()

# What nearly every test includes: a PCH for sluice_test(). Not asio where its library isn't linked.
set(standard_headers <catch2/catch.hpp> <functional> <map> <memory> <optional> <string> <vector>)
set(sluice_kernel_test_headers ${standard_headers} <boost/json.hpp> <fmt/format.h>)
set(sluice_test_headers ${standard_headers} <boost/asio/awaitable.hpp> <boost/json.hpp> <fmt/format.h>)

# A Catch2 executable; every TEST_CASE becomes a ctest entry with the given labels.
include(Catch)
function(sluice_test name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK;LABELS;PCH" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE sluice_settings sluice_catch_main Catch2::Catch2 ${ARG_LINK})
    target_compile_definitions(${name} PRIVATE SLUICE_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SLUICE_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
    if(ARG_PCH)
        target_precompile_headers(${name} PRIVATE ${ARG_PCH})
    endif()
    catch_discover_tests(${name} TEST_PREFIX "${name}: " PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 120)
endfunction()
