#pragma once
/// A signed body as typed members by JSON pointer. Pure, any thread. Nothing here refuses a
/// delivery: what is wrong becomes the text of `Decoded::ignored`.

#include "hooks/event.hpp"
#include "pipelines/base/json.hpp"

#include <string>
#include <string_view>

namespace sluice::hooks {

constexpr std::size_t k_ref_bytes =
    1025;  ///< one more than is_ref_name() allows: a cut name is not a valid one
constexpr std::size_t k_title_bytes = 1024;
constexpr std::size_t k_message_bytes = 65536;

/// Reads members and remembers the first that is missing or mistyped (`bad_payload /after …`).
/// Texts are cut to `max_bytes` and free of control characters.
class Payload {
public:
    /// A body of at most 25 MiB and 64 levels, JSON or `application/x-www-form-urlencoded` with
    /// `payload=`. When it is neither, `problem()` is `bad_json …`.
    explicit Payload(const RawDelivery& delivery);

    /// The member, or nullptr when it or a parent is absent or null.
    const json::Value* find(std::string_view pointer) const;
    /// Must be there.
    std::string text(std::string_view pointer, std::size_t max_bytes = 256);
    /// "" when absent or null; a wrong type is a problem.
    std::string text_or_empty(std::string_view pointer, std::size_t max_bytes = 256);
    /// Must be there and at least 1.
    std::int64_t number(std::string_view pointer);
    /// False when absent or null.
    bool flag(std::string_view pointer);
    /// The array's member `key` of each element that has it as a string; at most 100.
    std::vector<std::string> texts(std::string_view pointer, std::string_view key);
    /// Must be 40 or 64 hex digits (`bad_sha /after`); lower case.
    std::string commit(std::string_view pointer);
    /// As commit(), and all zeros are allowed; "" when absent.
    std::string commit_or_zero(std::string_view pointer);

    /// Must be there and be a branch name that git allows; without refs/heads/.
    std::string branch(std::string_view pointer);

    void fail(std::string problem);
    /// The first problem, "" when there is none.
    const std::string& problem() const { return problem_; }

private:
    void expected(std::string_view pointer, std::string_view what, const json::Value* got);

    json::Value root_;
    std::string problem_;
};

/// What a full ref name names.
struct Ref {
    enum class Kind { branch, tag, other } kind = Kind::other;
    std::string name;  ///< without refs/heads/ or refs/tags/
};

/// Git's own rules for names (git-check-ref-format), at most 1024 bytes. Names such as
/// `refs/heads/$(id)` are valid.
bool is_ref_name(std::string_view name);
/// Nothing for a name that git would refuse.
std::optional<Ref> parse_ref(std::string_view name);

/// A push of one ref as an event: kind, branch or tag, sha and old_sha. Returns why there is
/// nothing to build
/// (`branch_deleted`, `tag_deleted`, `ignored: ref …`, `bad_payload /ref …`), "" when there is.
std::string describe_push(DecodedEvent& out, std::string_view ref, std::string before,
                          std::string after);

/// Reads the first value of `name` in a form-encoded body; nothing when absent or badly encoded.
std::optional<std::string> form_value(std::string_view body, std::string_view name);

Decoded one_event(std::string kind, DecodedEvent event);
/// A Decoded that says why nothing is done.
Decoded ignore(std::string kind, std::string why);

}  // namespace sluice::hooks
