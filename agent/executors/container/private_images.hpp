#pragma once
/// Which images on this machine are only for those who have pulled them themselves: what came with
/// a login must not serve a job that merely knows its name. One file for each, named by the digest
/// of a reference or an image's id; its lines are who has. Any thread, any process.

#include "platform/files.hpp"

namespace sluice::agent {

class PrivateImages {
public:
    /// `who`: jobs that share what they pull, in one line.
    PrivateImages(files::Path folder, std::string who)
        : folder_(std::move(folder)), who_(std::move(who)) {}

    bool is_private(const std::string& name) const;
    /// It is anybody's, or we have pulled it.
    bool may_use(const std::string& name) const;
    /// From now on it is for those alone who are granted it.
    Result<> make_private(const std::string& name) const;
    /// We have pulled it. Nothing happens to what is anybody's.
    Result<> grant(const std::string& name) const;

private:
    files::Path file_of(const std::string& name) const;
    files::Path folder_;
    std::string who_;
};

}  // namespace sluice::agent
