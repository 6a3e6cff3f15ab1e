#pragma once
/// Secrets that a person gives to a local run: from variables and files of their own, never from
/// arguments, which every user of the machine can read.

#include "pipelines/model/spec.hpp"
#include "pipelines/protocol/secrets.hpp"
#include "platform/files.hpp"

#include <string>
#include <vector>

namespace sluice::cli::local {

/// `from_variables`: `NAME=VARIABLE`, or `NAME` for a variable of that name in capitals
/// (`registry/token`: REGISTRY_TOKEN). `from_files`: `NAME=FILE`. A value of one line is taken
/// without its end. Refused as a mistake of the caller.
Result<protocol::SecretValues> read_secrets(const std::vector<std::string>& from_variables,
                                            const std::vector<std::string>& from_files);

/// Names of the secrets that a job, its steps or its image say.
std::vector<std::string> secret_names(const model::JobSpec& spec);

/// Those of `given` that the job names.
protocol::SecretValues secrets_for(const model::JobSpec& spec, const protocol::SecretValues& given);

/// A descriptor that is read once, holding them in memory.
Result<files::Fd> in_memory(const protocol::SecretValues& values);

}  // namespace sluice::cli::local
