#pragma once
/// The test frameworks that kind `test` knows: when each applies, how it is run so that its report
/// can be read, how it runs what failed again, how it runs a share. Pure, any thread.

#include "pipelines/kinds/expansion.hpp"

namespace sluice::kinds::test {

struct TestWish {
    std::string framework;  ///< "" = found by the files
    int rerun_failed = 0;   ///< at most so many further attempts of what failed
    int shards = 1;
    /// The author has given steps of their own, which build what is tested.
    bool prepared = false;
};

/// pytest gtest ctest catch2 go jest
std::vector<std::string> framework_names();

/// The steps and reports of the framework. Refused with `unknown_framework`, `no_framework` (no
/// files of any), `several_frameworks`, `cannot_rerun`.
Result<Expansion> expand(const TestWish& wish, const Tree& tree);

}  // namespace sluice::kinds::test
