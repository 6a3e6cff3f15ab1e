#pragma once
/// GitLab: the secret itself in X-Gitlab-Token, or a signature by the Standard Webhooks rules in
/// webhook-signature.

#include "hooks/event.hpp"

namespace sluice::hooks {

class GitlabForge final : public Forge {
public:
    Result<> verify(const RawDelivery& delivery, std::string_view secret) const override;
    std::string delivery_id(const RawDelivery& delivery) const override;
    Decoded decode(const RawDelivery& delivery) const override;
};

}  // namespace sluice::hooks
