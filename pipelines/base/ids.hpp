#pragma once
/// Typed row ids: an AttemptId never passes for a JobId. 0 means "none".

#include <charconv>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace sluice {

template <class Tag>
struct Id {
    std::int64_t value{};

    auto operator<=>(const Id&) const = default;
    explicit operator bool() const { return value != 0; }

    /// Decimal, 1 … 2^63-1, no sign and no leading zero; else nothing.
    static std::optional<Id> parse(std::string_view text) {
        if (text.empty() || text[0] < '1' || text[0] > '9') return std::nullopt;
        Id id;
        auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id.value);
        if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        return id;
    }
};

using ProjectId = Id<struct ProjectTag>;
using RunId = Id<struct RunTag>;
using JobId = Id<struct JobTag>;
using AttemptId = Id<struct AttemptTag>;
using AgentId = Id<struct AgentTag>;
using DeliveryId = Id<struct DeliveryTag>;
using EventId = Id<struct EventTag>;
using TokenId = Id<struct TokenTag>;
using ScheduleId = Id<struct ScheduleTag>;
using TickId = Id<struct TickTag>;

}  // namespace sluice

template <class Tag>
struct std::hash<sluice::Id<Tag>> {
    std::size_t operator()(const sluice::Id<Tag>& id) const {
        return std::hash<std::int64_t>{}(id.value);
    }
};
