#pragma once
/// GitHub and GitHub Enterprise Server: HMAC-SHA-256 in X-Hub-Signature-256, the event's name in
/// X-GitHub-Event.

#include "hooks/event.hpp"

namespace sluice::hooks {

class GithubForge final : public Forge {
public:
    Result<> verify(const RawDelivery& delivery, std::string_view secret) const override;
    std::string delivery_id(const RawDelivery& delivery) const override;
    Decoded decode(const RawDelivery& delivery) const override;
};

}  // namespace sluice::hooks
