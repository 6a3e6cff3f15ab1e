#pragma once
/// Text forms of enums: one table per enum, used for JSON, SQL, logs and `.ci.yml` alike. Any
/// thread.

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice {

/// Specialise with `static constexpr std::array names{...}` in the order of the enumerators (from
/// 0, no gaps).
template <class E>
struct EnumNames;

template <class E>
concept TextEnum = requires {
    EnumNames<E>::names;
};

template <TextEnum E>
constexpr std::string_view to_text(E value) {
    return EnumNames<E>::names[static_cast<std::size_t>(value)];
}

/// The enumerator with that exact name, or nothing.
template <TextEnum E>
constexpr std::optional<E> parse_enum(std::string_view text) {
    for (std::size_t i = 0; i < EnumNames<E>::names.size(); ++i)
        if (EnumNames<E>::names[i] == text) return static_cast<E>(i);
    return std::nullopt;
}

}  // namespace sluice

/// Inside namespace sluice: SLUICE_ENUM_NAMES(model::JobState, "waiting", "held", ...);
#define SLUICE_ENUM_NAMES(type, ...)                                                  \
    template <>                                                                       \
    struct EnumNames<type> {                                                          \
        static constexpr auto names = std::to_array<std::string_view>({__VA_ARGS__}); \
    }
