#pragma once
/// Payloads of the shape that GitHub has and that Gitea and Forgejo follow. Pure, any thread.

#include "hooks/payload.hpp"

namespace sluice::hooks {

/// `push`: one branch or tag.
Decoded decode_hub_push(std::string kind, Payload& body);

/// Where the forges differ.
struct HubPullRequest {
    std::string_view synchronize;  ///< the action's name for new commits
    std::string_view retargeted;   ///< pointer that is there when an edit changed the base branch
    std::string_view
        head_repo_id;  ///< fork = differs from the base's, or is null (the fork is gone)
    std::string_view base_repo_id;
};

/// `pull_request`: opened, updated or closed; other actions are ignored by name.
Decoded decode_hub_pull_request(std::string kind, Payload& body, const HubPullRequest& shape);

}  // namespace sluice::hooks
