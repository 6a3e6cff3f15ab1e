#pragma once
/// The projects in memory: webhooks and claims look them up without touching the database. Follows
/// commits.

#include "server/store/projects.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace sluice::core {

/// Any thread.
class ProjectDirectory {
public:
    explicit ProjectDirectory(std::vector<store::Project> projects) {
        for (auto& project : projects) put(std::move(project));
    }
    std::optional<store::Project> find(std::string_view name) const {
        std::lock_guard lock(mutex_);
        auto at = by_name_.find(name);
        if (at == by_name_.end()) return std::nullopt;
        return at->second.project;
    }
    std::optional<store::Project> find(ProjectId id) const {
        std::lock_guard lock(mutex_);
        for (auto& [name, entry] : by_name_)
            if (entry.project.id == id) return entry.project;
        return std::nullopt;
    }
    void put(store::Project project) {
        std::lock_guard lock(mutex_);
        auto name = project.name;
        by_name_[name].project = std::move(project);
    }
    std::size_t size() const {
        std::lock_guard lock(mutex_);
        return by_name_.size();
    }
    /// A number for a run that is being planned; never given twice. `stored` is the store's next
    /// number.
    std::int64_t draw_number(std::string_view name, std::int64_t stored) {
        std::lock_guard lock(mutex_);
        auto at = by_name_.find(name);
        if (at == by_name_.end()) return stored;
        at->second.next_number = std::max(at->second.next_number, stored);
        return at->second.next_number++;
    }
    /// Whether the store's number has been read.
    bool numbered(std::string_view name) const {
        std::lock_guard lock(mutex_);
        auto at = by_name_.find(name);
        return at != by_name_.end() && at->second.next_number > 0;
    }

private:
    struct Entry {
        store::Project project;
        std::int64_t next_number = 0;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Entry, std::less<>> by_name_;
};

}  // namespace sluice::core
