#include "agent/executors/container/images.hpp"

#include "agent/executors/container/login.hpp"

#include "pipelines/base/text.hpp"
#include "platform/crypto_box.hpp"

#include <fmt/format.h>

namespace sluice::agent {

namespace {

constexpr Duration k_engine_patience{60'000};
constexpr Duration k_pull_patience{3'600'000};

Refusal refusal(model::Cause cause, std::string id, std::string message,
                Code code = Code::unavailable) {
    return {error(code, std::move(id), std::move(message)), cause};
}

/// Pulls, with the job's login when the image is of the registry that it is for.
Result<spawn::Finished> pull(const Engine& engine, const ExecutorParts& parts,
                             const std::string& image) {
    const std::string registry = registry_of(image);
    std::vector<std::string> words{"pull", "--quiet"};
    // docker knows by itself that nothing is encrypted there.
    if (engine.is_podman() && is_loopback_registry(registry))
        words.emplace_back("--tls-verify=false");
    words.insert(words.end(), {"--", image});
    spawn::Command command = engine.command(std::move(words));
    std::optional<RegistryLogin> login;
    if (registry == registry_of(parts.job.spec.image))
        if (std::string secret = parts.lender.registry_login(); !secret.empty()) {
            auto made = RegistryLogin::make(external_name(parts.folder.path), registry, secret);
            crypto::wipe(secret);
            if (!made) return made.error();
            command = login.emplace(std::move(*made)).with(std::move(command));
        }
    return parts.lender.run(std::move(command), k_pull_patience, false);
}

std::optional<Refusal> pull_image(const Engine& engine, const ExecutorParts& parts,
                                  const std::string& image, model::PullPolicy policy,
                                  ImageFacts& facts) {
    Lender& lender = parts.lender;
    const auto inspect = [&]() -> Result<ImageFacts> {
        SLUICE_TRY(spawn::Finished done,
                   lender.run(engine.command({"image", "inspect", "--", image}), k_engine_patience,
                              false));
        if (!done.exit.ok()) return error(Code::not_found, "no_image", complaint(done));
        return image_facts(done.output);
    };
    Result<ImageFacts> known = error(Code::not_found, "no_image", "");
    if (policy != model::PullPolicy::always) {
        known = inspect();
        if (known) {
            facts = std::move(*known);
            return std::nullopt;
        }
        if (known.error().code != Code::not_found)
            return Refusal{known.error(), model::Cause::setup};
        if (policy == model::PullPolicy::never)
            return refusal(model::Cause::image, "no_image",
                           "image " + image + ": this agent does not have it, and `pull` is never");
    }
    lender.note("pulling " + image);
    Result<spawn::Finished> pulled = pull(engine, parts, image);
    if (!pulled) return Refusal{pulled.error(), model::Cause::image};
    if (!pulled->exit.ok())
        return refusal(model::Cause::image, "pull_failed",
                       "image " + image + ": " + complaint(*pulled));
    known = inspect();
    if (!known) return Refusal{known.error(), model::Cause::image};
    facts = std::move(*known);
    return std::nullopt;
}

}  // namespace

std::optional<Refusal> call_engine(Lender& lender, spawn::Command command, const std::string& what,
                                   model::Cause cause) {
    Result<spawn::Finished> done = lender.run(std::move(command), k_engine_patience, false);
    if (!done) return Refusal{done.error(), cause};
    if (done->exit.ok()) return std::nullopt;
    return refusal(cause, "engine_refused", what + ": " + complaint(*done));
}

std::optional<Refusal> make_network(const Engine& engine, Lender& lender, const std::string& name) {
    return call_engine(lender,
                       engine.command({"network", "create", "--label",
                                       std::string(k_container_label) + "=" + name, name}),
                       "the job's network could not be made", model::Cause::setup);
}

Result<spawn::Finished> run_engine(const Engine& engine, std::vector<std::string> words) {
    spawn::Command command = engine.command(std::move(words));
    return spawn::run(
        command.argv,
        {.env = command.env, .directory = {}, .input = {}, .timeout = k_engine_patience});
}

std::optional<Refusal> fetch_image(const Engine& engine, const ExecutorParts& parts,
                                   const std::string& image, model::PullPolicy policy,
                                   ImageFacts& facts) {
    const auto& allowed = parts.settings.container.images;
    if (!allowed.empty() && !text::globs_match(allowed, image))
        return refusal(model::Cause::policy, "image_not_allowed",
                       "image " + image + ": this agent's owner does not allow it",
                       Code::forbidden);
    if (auto refused = pull_image(engine, parts, image, policy, facts)) return refused;
    if (auto why = refused_image(facts))
        return refusal(model::Cause::policy, "image_refused", "image " + image + ": " + *why,
                       Code::forbidden);
    return std::nullopt;
}

Result<> remove_containers(const Engine& engine, const std::string& name) {
    const std::string filter = std::string("label=") + k_container_label + "=" + name;
    const auto call = [&](std::vector<std::string> words) {
        return run_engine(engine, std::move(words));
    };
    SLUICE_TRY(spawn::Finished listed,
               call({"ps", "--all", "--quiet", "--no-trunc", "--filter", filter}));
    if (!listed.exit.ok()) return error(Code::unavailable, "engine_refused", complaint(listed));
    std::vector<std::string> remove{"rm", "--force", "--volumes"};
    if (engine.is_podman()) remove.insert(remove.end(), {"--time", "0"});
    const std::size_t options = remove.size();
    for (const std::string& id : text::split(listed.output, '\n'))
        if (text::from_hex(text::trim(id)).value_or("").size() == 32)
            remove.emplace_back(text::trim(id));
    if (remove.size() > options) {
        SLUICE_TRY(spawn::Finished removed, call(std::move(remove)));
        if (!removed.exit.ok())
            return error(Code::unavailable, "engine_refused", complaint(removed));
    }
    SLUICE_TRY(spawn::Finished networks, call({"network", "ls", "--quiet", "--filter", filter}));
    if (networks.exit.ok() && !text::trim(networks.output).empty()) {
        SLUICE_TRY(spawn::Finished removed, call({"network", "rm", name}));
        if (!removed.exit.ok())
            return error(Code::unavailable, "engine_refused", complaint(removed));
    }
    return {};
}

}  // namespace sluice::agent
