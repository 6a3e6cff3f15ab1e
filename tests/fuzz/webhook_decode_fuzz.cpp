// Bytes of a delivery → every forge decodes it without throwing, and what it says keeps the
// promises of hooks/event.hpp. The first byte chooses forge and event, the rest is the body.
#include "hooks/event.hpp"
#include "hooks/payload.hpp"
#include "pipelines/base/text.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>

using namespace sluice;

namespace {

struct Choice {
    std::string_view forge;
    std::string_view header;
    std::string_view event;
    std::string_view content_type;
};
constexpr std::string_view k_json = "application/json";
constexpr std::string_view k_form = "application/x-www-form-urlencoded";
constexpr std::array k_choices{Choice{"github", "x-github-event", "push", k_json},
                               Choice{"github", "x-github-event", "pull_request", k_json},
                               Choice{"github", "x-github-event", "push", k_form},
                               Choice{"gitlab", "x-gitlab-event", "Push Hook", k_json},
                               Choice{"gitea", "x-gitea-event", "push", k_json},
                               Choice{"gitea", "x-gitea-event", "pull_request", k_json},
                               Choice{"git", "x-sluice-delivery", "1", k_json}};

void demand(bool condition) {
    if (!condition) std::abort();
}

void check(const hooks::DecodedEvent& decoded) {
    const model::Event& event = decoded.event;
    demand(text::is_commit_id(event.sha) && !text::is_zero_id(event.sha));
    demand(event.old_sha.empty() || text::is_commit_id(event.old_sha));
    demand(hooks::is_ref_name(decoded.ref));
    for (const std::string* part :
         {&event.branch, &event.tag, &event.actor, &event.message, &event.author})
        demand(!text::find_invalid_utf8(*part));
    demand(event.pull_request.has_value() == (event.kind == model::EventKind::pull_request));
    demand(event.pull_request.has_value() == decoded.action.has_value());
    demand(model::event_from_json(model::to_json(event), "").value() == event);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Choice& choice = k_choices[data[0] % k_choices.size()];
    hooks::RawDelivery raw;
    raw.headers.emplace(choice.header, choice.event);
    raw.headers.emplace("content-type", choice.content_type);
    raw.body.assign(reinterpret_cast<const char*>(data + 1), size - 1);
    const hooks::Decoded decoded = hooks::forge_by_name(choice.forge)->decode(raw);
    demand(decoded.events.empty() != decoded.ignored.empty());
    for (const hooks::DecodedEvent& event : decoded.events) check(event);
    return 0;
}
