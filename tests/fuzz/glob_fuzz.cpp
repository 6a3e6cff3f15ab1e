// A pattern and a path, divided by a NUL → the two matchers agree, and the work stays small.
#include "pipelines/base/text.hpp"
#include "pipelines/base/time.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = input.find('\0');
    const std::string pattern(input.substr(0, cut));
    const std::string path(cut == std::string_view::npos ? std::string_view{}
                                                         : input.substr(cut + 1));
    if (pattern.size() > 512) return 0;  // what the schema allows
    const bool one = text::glob_match(pattern, path);
    if (!pattern.starts_with('!')) {
        const std::vector<std::string> list{pattern};
        if (text::globs_match(list, path) != one) std::abort();
        const std::vector<std::string> removed{pattern, "!" + pattern};
        if (text::globs_match(removed, path)) std::abort();
    }
    if (const auto duration = parse_duration(pattern)) {
        if (parse_duration(format_duration(*duration)).value() != *duration) std::abort();
    }
    return 0;
}
