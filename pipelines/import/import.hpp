#pragma once
/// One-way conversion of the pipelines of other systems: their text in, `.ci.yml` and notes out.
/// What cannot be kept is never lost in silence: each key of the source is converted or named in a
/// note with its place and what to do. Pure, any thread; foreign bytes within the document loader's
/// limits.

#include "pipelines/base/enum_text.hpp"
#include "pipelines/base/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::importer {

enum class Origin { github, gitlab, woodpecker };

enum class Weight {
    info,     ///< nothing is missing; worth knowing
    changed,  ///< kept, but it behaves differently: look at it
    lost,     ///< not kept
};

struct Note {
    Weight weight = Weight::info;
    int line = 0;  ///< 1-based, 0 = the file as a whole
    int column = 0;
    std::string key;      ///< `jobs.test.permissions`
    std::string message;  ///< what happened to it
    std::string hint;     ///< what to do; may be empty
    bool operator==(const Note&) const = default;
};

enum class Share {
    fully,       ///< nothing lost, nothing changed, and the result passes the validator
    partly,      ///< it has jobs, and notes to read
    not_at_all,  ///< there is no result
};

struct Imported {
    std::string text;         ///< `.ci.yml`; "" when nothing could be converted
    std::vector<Note> notes;  ///< in the order of the source
    Share share = Share::not_at_all;
};

/// `path` is for the comment at the top and for messages.
Imported import_pipeline(Origin origin, std::string_view path, std::string_view text);

/// `file:line:col: lost: key: message hint: hint` on one line.
std::string format(const Note& note, std::string_view file);
json::Value to_json(const Note& note);

}  // namespace sluice::importer

namespace sluice {
SLUICE_ENUM_NAMES(importer::Origin, "github", "gitlab", "woodpecker");
SLUICE_ENUM_NAMES(importer::Weight, "info", "changed", "lost");
SLUICE_ENUM_NAMES(importer::Share, "fully", "partly", "not at all");
}  // namespace sluice
