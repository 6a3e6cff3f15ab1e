#pragma once
/// Source of a local run: the snapshot of the dirty tree that `sluice run` has made, which holds a
/// `.git` of its own. One thread, but for interrupt().

#include "agent/runner/ports.hpp"

#include <atomic>

namespace sluice::agent {

class LocalSource final : public Source {
public:
    explicit LocalSource(files::Path snapshot) : snapshot_(std::move(snapshot)) {}
    Result<> checkout(const protocol::ClaimedJob& job, const files::Path& workspace,
                      const Note& note) override;
    void interrupt() override { stop_ = true; }

private:
    files::Path snapshot_;
    std::atomic<bool> stop_{false};
};

}  // namespace sluice::agent
