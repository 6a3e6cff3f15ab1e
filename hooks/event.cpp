#include "hooks/event.hpp"

#include "hooks/git/git.hpp"
#include "hooks/gitea/gitea.hpp"
#include "hooks/github/github.hpp"
#include "hooks/gitlab/gitlab.hpp"

namespace sluice::hooks {

const Forge* forge_by_name(std::string_view name) {
    static const GithubForge github;
    static const GitlabForge gitlab;
    static const GiteaForge gitea;
    static const GitForge git;
    if (name == "github") return &github;
    if (name == "gitlab") return &gitlab;
    if (name == "gitea") return &gitea;
    if (name == "git") return &git;
    return nullptr;
}

}  // namespace sluice::hooks
