#pragma once
/// A folder that vanishes with the test.

#include "platform/files.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace sluice::test {

struct TempFolder {
    TempFolder() : TempFolder(std::filesystem::temp_directory_path()) {}
    explicit TempFolder(const files::Path& below) {
        std::string name = (below / "sluice-test-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
        path = name;
    }
    ~TempFolder() { (void)files::remove_tree(path); }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    files::Path path;
};

}  // namespace sluice::test

/// CHECK(result) shows the refusal instead of asking for an operator<< of the value.
template <class T>
struct Catch::StringMaker<boost::system::result<T, sluice::Error>> {
    static std::string convert(const boost::system::result<T, sluice::Error>& result) {
        return result ? "a value" : result.error().id + ": " + result.error().message;
    }
};
