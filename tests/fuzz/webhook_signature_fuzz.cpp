// Header bytes and a body → no forge accepts a signature that was not made with the secret, and
// none throws. Lines up to an empty one are headers `name: value`, the rest is the body.
#include "hooks/event.hpp"
#include "platform/crypto.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace sluice;

namespace {

/// 256 random bits: the fuzzer cannot find them, so whatever it gets accepted is a hole.
const std::string& secret() {
    static const std::string value = (crypto::init(), crypto::random_token(32));
    return value;
}

hooks::RawDelivery parse(std::string_view text) {
    hooks::RawDelivery raw;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t colon = line.find(": ");
        if (colon == std::string_view::npos) break;
        const bool added =
            raw.headers
                .emplace(std::string(line.substr(0, colon)), std::string(line.substr(colon + 2)))
                .second;
        if (!added) raw.duplicates.emplace_back(line.substr(0, colon));
    }
    raw.body = text;
    return raw;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const hooks::RawDelivery raw = parse({reinterpret_cast<const char*>(data), size});
    for (const char* name : {"github", "gitlab", "gitea", "git"}) {
        const hooks::Forge* forge = hooks::forge_by_name(name);
        if (forge->verify(raw, secret()).has_value() || forge->verify(raw, "").has_value())
            std::abort();
        const std::string id = forge->delivery_id(raw);
        if (id.empty() || id.size() > 128) std::abort();
    }
    return 0;
}
