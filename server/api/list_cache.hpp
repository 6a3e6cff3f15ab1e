#pragma once
/// Serialised list pages, valid until the next state change: most requests for a list of runs come
/// between two changes.

#include "pipelines/base/ids.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace sluice::api {

/// Any thread. Forgets everything when the newest event moves on, and holds at most 256 pages.
class ListCache {
public:
    std::shared_ptr<const std::string> find(const std::string& key, EventId newest) const {
        std::lock_guard lock(mutex_);
        if (newest != at_) return nullptr;
        auto page = pages_.find(key);
        return page == pages_.end() ? nullptr : page->second;
    }
    /// `newest` was read before the page's data: a change in between makes the page unfindable.
    void put(const std::string& key, EventId newest, std::shared_ptr<const std::string> page) {
        std::lock_guard lock(mutex_);
        if (newest < at_) return;
        if (newest != at_ || pages_.size() >= 256) pages_.clear();
        at_ = newest;
        pages_[key] = std::move(page);
    }

private:
    mutable std::mutex mutex_;
    EventId at_;
    std::unordered_map<std::string, std::shared_ptr<const std::string>> pages_;
};

}  // namespace sluice::api
