#include "pipelines/reports/shards.hpp"

#include <algorithm>
#include <set>

namespace sluice::reports {

std::vector<std::vector<std::string>> split_tests(
    const std::vector<std::string>& names, const std::map<std::string, std::int64_t>& milliseconds,
    int count) {
    struct Test {
        std::string name;
        std::int64_t ms = 0;
    };
    std::vector<Test> tests;
    std::vector<std::int64_t> known;
    const std::set<std::string> unique(names.begin(), names.end());
    for (const std::string& name : unique) {
        const auto found = milliseconds.find(name);
        const std::int64_t ms =
            found == milliseconds.end() ? -1 : std::max<std::int64_t>(0, found->second);
        if (ms >= 0) known.push_back(ms);
        tests.push_back({name, ms});
    }
    std::sort(known.begin(), known.end());
    // Nothing measured takes no time at all: else a thousand quick tests would land in one list.
    const std::int64_t median =
        known.empty() ? 1 : std::max<std::int64_t>(1, known[known.size() / 2]);
    for (Test& test : tests) test.ms = test.ms < 0 ? median : std::max<std::int64_t>(1, test.ms);
    std::stable_sort(tests.begin(), tests.end(),
                     [](const Test& a, const Test& b) { return a.ms > b.ms; });
    const auto lists = static_cast<std::size_t>(std::max(1, count));
    std::vector<std::int64_t> load(lists, 0);
    std::map<std::string, std::size_t> list_of;
    for (const Test& test : tests) {
        const auto least = std::min_element(load.begin(), load.end());
        *least += test.ms;
        list_of[test.name] = static_cast<std::size_t>(least - load.begin());
    }
    std::vector<std::vector<std::string>> out(lists);
    std::set<std::string> placed;
    for (const std::string& name : names)
        if (placed.insert(name).second) out[list_of.at(name)].push_back(name);
    return out;
}

std::map<std::string, std::int64_t> durations_of(const std::vector<std::string>& names,
                                                 const std::vector<TestTime>& tests) {
    std::map<std::string, std::string> name_of;  // what a test may be known by → name
    for (const std::string& name : names) {
        name_of.emplace(name, name);
        if (!name.ends_with(".py")) continue;
        std::string module = name.substr(0, name.size() - 3);
        std::replace(module.begin(), module.end(), '/', '.');
        name_of.emplace(std::move(module), name);
    }
    std::map<std::string, std::int64_t> out;
    for (const TestTime& test : tests) {
        auto found = name_of.find(test.name);
        if (found == name_of.end()) found = name_of.find(test.file);
        if (found == name_of.end()) found = name_of.find(test.suite + "." + test.name);
        std::string name = test.name;
        while (found == name_of.end() && name.find('/') != std::string::npos) {
            name.resize(name.rfind('/'));
            found = name_of.find(name);
        }
        // `tests.test_a.TestClass` lies in `tests.test_a`.
        std::string suite = test.suite;
        while (found == name_of.end() && !suite.empty()) {
            found = name_of.find(suite);
            const std::size_t dot = suite.rfind('.');
            suite.resize(dot == std::string::npos ? 0 : dot);
        }
        if (found != name_of.end()) out[found->second] += test.ms;
    }
    return out;
}

}  // namespace sluice::reports
