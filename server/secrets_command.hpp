#pragma once
/// `sluice-server secrets …`: what is done to the keys of the secrets while no server runs.

namespace sluice::server {

/// argv from `secrets` on. The exit code.
int secrets_command(int argc, char** argv);

}  // namespace sluice::server
