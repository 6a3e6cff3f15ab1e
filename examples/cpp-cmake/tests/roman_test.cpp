// One executable, a case per argument, so that CTest names each.
#include "roman/roman.hpp"

#include <cstdio>
#include <cstring>

namespace {

int failures = 0;

void check(bool holds, const char* what, int line) {
    if (holds) return;
    ++failures;
    std::printf("%s:%d: %s\n", __FILE__, line, what);
}
#define CHECK(x) check((x), #x, __LINE__)

}  // namespace

int main(int argc, char** argv) {
    const char* name = argc > 1 ? argv[1] : "";
    if (std::strcmp(name, "writes") == 0) {
        CHECK(roman::to_roman(1) == "I");
        CHECK(roman::to_roman(1994) == "MCMXCIV");
        CHECK(roman::to_roman(3999) == "MMMCMXCIX");
    } else if (std::strcmp(name, "reads") == 0) {
        for (int number = 1; number < 4000; ++number)
            CHECK(roman::from_roman(roman::to_roman(number)) == number);
    } else if (std::strcmp(name, "refuses") == 0) {
        for (const char* text : {"", "IIII", "VX", "MMMM", "x"}) CHECK(!roman::from_roman(text));
        CHECK(roman::to_roman(0).empty());
    } else {
        std::printf("no case \"%s\"\n", name);
        return 2;
    }
    return failures == 0 ? 0 : 1;
}
