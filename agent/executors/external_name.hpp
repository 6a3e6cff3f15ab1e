#pragma once
/// Names of what an attempt has outside its folder. Pure, any thread.

#include "platform/files.hpp"

#include <string>

namespace sluice::agent {

/// The same from the same folder, and of no other attempt of this machine.
std::string external_name(const files::Path& attempt_folder);

}  // namespace sluice::agent
