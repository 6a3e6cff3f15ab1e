#pragma once
/// What a source sent, verified and normalised. One delivery may hold several events (a push of
/// three branches).

#include "pipelines/base/result.hpp"
#include "pipelines/model/event.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::hooks {

/// A delivery before decoding: raw bytes and the header section (lower-case names). `duplicates`
/// are the names that were sent more than once.
struct RawDelivery {
    std::map<std::string, std::string, std::less<>> headers;
    std::vector<std::string> duplicates;
    std::string body;
};

struct DecodedEvent {
    model::Event event;
    std::optional<model::PullRequestAction> action;  ///< for pull requests
    std::string ref;  ///< full ref name that holds the commit, for the fetch
};

/// What the delivery means.
struct Decoded {
    std::string
        kind;  ///< the source's own event name, for people: `push`, `ping`, `Merge Request Hook`
    std::vector<DecodedEvent> events;
    /// Set when there is nothing to do: `ignored: ping`, `bad_json …`, `bad_payload /after …`,
    /// `bad_sha`, `branch_deleted`.
    std::string ignored;
};

/// A source of deliveries. Stateless; any thread.
class Forge {
public:
    virtual ~Forge() = default;
    /// Verifies the signature over the raw bytes in constant time. An empty secret refuses
    /// (`hook_disabled`). Errors: `signature_missing`, `signature_mismatch`, `signature_weak`,
    /// `duplicate_header` (Code::unauthorized / invalid).
    virtual Result<> verify(const RawDelivery& delivery, std::string_view secret) const = 0;
    /// The source's id of the delivery, or the sha256 of the body when it sends none.
    virtual std::string delivery_id(const RawDelivery& delivery) const = 0;
    /// Never refuses: a validly signed delivery always has an outcome (a forge disables hooks that
    /// answer 4xx).
    virtual Decoded decode(const RawDelivery& delivery) const = 0;
};

/// github, gitlab, gitea or git; nullptr for others. The objects live for ever.
const Forge* forge_by_name(std::string_view name);

}  // namespace sluice::hooks
