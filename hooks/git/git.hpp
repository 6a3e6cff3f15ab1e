#pragma once
/// Plain git: what sluice-hook (hooks/git/sluice_hook.c) sends from a bare repository. The body is
/// {"updates": [{"old", "new", "ref"}], "options": [text], "pusher": text}; X-Sluice-Signature-256
/// signs it.

#include "hooks/event.hpp"

namespace sluice::hooks {

class GitForge final : public Forge {
public:
    Result<> verify(const RawDelivery& delivery, std::string_view secret) const override;
    std::string delivery_id(const RawDelivery& delivery) const override;
    Decoded decode(const RawDelivery& delivery) const override;
};

}  // namespace sluice::hooks
