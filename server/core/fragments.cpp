#include "server/core/fragments.hpp"

#include <set>

namespace sluice::core {

namespace {

constexpr std::size_t k_max_remote_fragments = 20;

}  // namespace

boost::asio::awaitable<void> fetch_fragments(git::GitService& service, plan::Input& input) {
    std::set<std::string> seen;
    std::vector<plan::SourceFile> fresh = input.files;
    fresh.insert(fresh.end(), input.fragments.begin(), input.fragments.end());
    for (std::size_t depth = 0; depth < plan::k_max_call_depth && !fresh.empty(); ++depth) {
        std::vector<plan::SourceFile> next;
        for (const std::string& name : plan::named_fragments(fresh)) {
            auto wanted = git::parse_remote_file(name);
            if (!wanted || seen.size() >= k_max_remote_fragments || !seen.insert(name).second)
                continue;
            wanted->cached_only = !input.trusted;
            auto file = co_await service.remote_file(std::move(*wanted));
            plan::SourceFile fragment{name, ""};
            if (!file && !input.trusted)
                fragment.problem =
                    "is not here yet, and the server fetches nothing that a fork names: a run of "
                    "the repository itself fetches it";
            else if (!file)
                fragment.problem = "cannot be fetched: " + file.error().message;
            else if (!*file)
                fragment.problem = "does not exist: that commit has no such file";
            else
                fragment = {name, std::move((*file)->text), std::move((*file)->problem)};
            next.push_back(std::move(fragment));
        }
        input.fragments.insert(input.fragments.end(), next.begin(), next.end());
        fresh = std::move(next);
    }
}

}  // namespace sluice::core
