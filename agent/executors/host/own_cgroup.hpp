#pragma once
/// A control group of an attempt on the host: its limits, what it uses, and the sure way to end all
/// of it. Made where the machine lets us (version 1, or version 2 with delegation). Blocking. Any
/// thread.

#include "agent/resources/cgroup.hpp"
#include "pipelines/model/spec_parts.hpp"

#include <string>
#include <vector>

namespace sluice::agent {

class OwnCgroup {
public:
    /// Where the groups of an attempt of that external name would be; written down before make().
    static std::vector<files::Path> folders_for(const std::string& name);
    /// Nothing where no group can be made.
    static std::optional<OwnCgroup> make(const std::string& name, const model::Resources& limits);
    /// Kills all processes of these groups and of those below them, and removes them; what isn't
    /// there is skipped. False when some are still there after `patience`.
    static bool end(const std::vector<files::Path>& folders, Duration patience);

    bool end(Duration patience) const { return end(folders_, patience); }
    /// Files into which a process writes its number to join.
    std::vector<files::Path> doors() const;
    const Cgroup& counters() const { return counters_; }
    /// The kernel took every limit that was asked for.
    bool holds() const { return holds_; }

private:
    std::vector<files::Path> folders_;
    Cgroup counters_;
    bool holds_ = true;
};

}  // namespace sluice::agent
