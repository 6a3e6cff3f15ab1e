# Build switches. Presets (CMakePresets.json) set them; nobody needs to by hand.
option(SLUICE_WERROR "Warnings are errors" OFF)
option(SLUICE_TESTS "Build the tests" ON)
option(SLUICE_BENCH "Build the benchmark helpers" ON)
option(SLUICE_WEB "Build the web UI with npm and embed it" ON)
option(SLUICE_FUZZ "Build the fuzz targets (clang only)" OFF)
option(SLUICE_COVERAGE "Instrument for gcov" OFF)
set(SLUICE_SANITIZE "" CACHE STRING "address or thread")

add_library(sluice_settings INTERFACE)
target_include_directories(sluice_settings INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(sluice_settings INTERFACE
    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers
    -fstack-protector-strong)
# GCC 12 warns falsely inside optimised std::string code (GCC bugs 105329, 105651) and in coroutine frames.
target_compile_options(sluice_settings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-maybe-uninitialized
    -Wno-mismatched-new-delete -Wno-dangling-pointer -Wno-stringop-overread -Wno-array-bounds -Wno-stringop-overflow>)
target_compile_definitions(sluice_settings INTERFACE _GLIBCXX_ASSERTIONS BOOST_ASIO_NO_DEPRECATED
    BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
    BOOST_PROCESS_V2_SEPARATE_COMPILATION)
target_link_options(sluice_settings INTERFACE -pie -Wl,-z,relro,-z,now)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(SLUICE_WERROR)
    target_compile_options(sluice_settings INTERFACE -Werror)
endif()
if(SLUICE_SANITIZE STREQUAL "address")
    # No check of vptrs: SOCI's library hides the typeinfo of its classes, so a program with that check never links.
    target_compile_options(sluice_settings INTERFACE -fsanitize=address,undefined -fno-sanitize=vptr -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
    target_link_options(sluice_settings INTERFACE -fsanitize=address,undefined)
elseif(SLUICE_SANITIZE STREQUAL "thread")
    target_compile_options(sluice_settings INTERFACE -fsanitize=thread -fno-omit-frame-pointer -Wno-tsan)
    target_link_options(sluice_settings INTERFACE -fsanitize=thread)
endif()
if(SLUICE_COVERAGE)
    target_compile_options(sluice_settings INTERFACE --coverage)
    target_link_options(sluice_settings INTERFACE --coverage)
endif()
if(SLUICE_FUZZ)
    target_compile_options(sluice_settings INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
    target_link_options(sluice_settings INTERFACE -fsanitize=address,undefined)
endif()

find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE)
    # Without these ccache refuses whatever uses a precompiled header. Paths below the source folder count
    # relative to it, so that another checkout of the same commit finds the objects.
    set(SLUICE_CCACHE_COMMAND ${CMAKE_COMMAND} -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${SLUICE_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${SLUICE_CCACHE_COMMAND})
    set(CMAKE_C_COMPILER_LAUNCHER ${SLUICE_CCACHE_COMMAND})
    target_compile_options(sluice_settings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()
find_program(SLUICE_MOLD mold)
if(SLUICE_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_link_options(sluice_settings INTERFACE -fuse-ld=mold)
endif()
