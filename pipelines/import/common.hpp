#pragma once
/// What the converters of all systems share. Pure.

#include "pipelines/config/schema.hpp"
#include "pipelines/import/ledger.hpp"
#include "pipelines/import/out.hpp"

#include <map>
#include <optional>

namespace sluice::importer {

/// A document on its way: what was read, what became of it.
struct Conversion {
    const Node& root;
    Ledger ledger;
    Out out = Out::map();
};

void convert_github(Conversion& work);
void convert_gitlab(Conversion& work);
void convert_woodpecker(Conversion& work);

/// Ids of jobs: what another system allows becomes `[a-z][a-z0-9_-]*`, each source name one id.
class JobIds {
public:
    const std::string& of(const std::string& source);

private:
    std::map<std::string, std::string> ids_;
};

/// False for a key that this version of the language does not carry out.
bool knows(config::Scopes scope, std::string_view key);

/// `1h30m` from minutes; nothing for 0 and for what is no number.
std::optional<std::string> minutes(const std::string& text);
/// `1h30m` from `1 hour 30 minutes`, `90m`, `3 weeks`, `3600` (seconds).
std::optional<std::string> duration_of_words(const std::string& text);

/// A step's name of other systems may be long; a line of at most 100 bytes.
std::string one_line(const std::string& text);

/// `env` entries: scalars as they are. Names that cannot be set here (CI, CI_*) are noted as lost.
void put_env(Out& owner, const std::string& name, const std::string& value, const Place& at,
             Ledger& ledger, const std::string& key);

}  // namespace sluice::importer
