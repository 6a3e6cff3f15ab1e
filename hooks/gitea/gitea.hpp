#pragma once
/// Gitea, Forgejo and Gogs: HMAC-SHA-256 in X-Gitea-Signature or X-Hub-Signature-256.

#include "hooks/event.hpp"

namespace sluice::hooks {

class GiteaForge final : public Forge {
public:
    Result<> verify(const RawDelivery& delivery, std::string_view secret) const override;
    std::string delivery_id(const RawDelivery& delivery) const override;
    Decoded decode(const RawDelivery& delivery) const override;
};

}  // namespace sluice::hooks
