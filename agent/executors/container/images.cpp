#include "agent/executors/container/images.hpp"

#include "agent/executors/container/login.hpp"
#include "agent/executors/container/private_images.hpp"
#include "pipelines/base/text.hpp"
#include "platform/crypto_box.hpp"

#include <fmt/format.h>

#include <set>

namespace sluice::agent {

namespace {

constexpr Duration k_engine_patience{60'000};
constexpr Duration k_pull_patience{3'600'000};

Refusal refusal(model::Cause cause, std::string id, std::string message,
                Code code = Code::unavailable) {
    return {error(code, std::move(id), std::move(message)), cause};
}

/// What the login is for the image's registry holds; "" = the job has none for it.
std::string login_for(const ExecutorParts& parts, const std::string& image) {
    if (registry_of(image) != registry_of(parts.job.spec.image)) return "";
    return parts.lender.registry_login();
}

/// Pulls, with the login if there is one.
Result<spawn::Finished> pull(const Engine& engine, const ExecutorParts& parts,
                             const std::string& image, const std::string& secret) {
    const std::string registry = registry_of(image);
    std::vector<std::string> words{"pull", "--quiet"};
    // docker knows by itself that nothing is encrypted there.
    if (engine.is_podman() && is_loopback_registry(registry))
        words.emplace_back("--tls-verify=false");
    words.insert(words.end(), {"--", image});
    spawn::Command command = engine.command(std::move(words));
    std::optional<RegistryLogin> login;
    if (!secret.empty()) {
        auto made = RegistryLogin::make(external_name(parts.folder.path), registry, secret);
        if (!made) return made.error();
        command = login.emplace(std::move(*made)).with(std::move(command));
    }
    return parts.lender.run(std::move(command), k_pull_patience, false);
}

Result<ImageFacts> inspect(const Engine& engine, Lender& lender, const std::string& image) {
    SLUICE_TRY(spawn::Finished done, lender.run(engine.command({"image", "inspect", "--", image}),
                                                k_engine_patience, false));
    if (!done.exit.ok()) return error(Code::not_found, "no_image", complaint(done));
    return image_facts(done.output);
}

std::string bare_id(std::string_view id) {
    return std::string(id.starts_with("sha256:") ? id.substr(7) : id);
}

/// Ids of all images of this machine.
Result<std::set<std::string>> images_here(const Engine& engine, Lender& lender) {
    SLUICE_TRY(spawn::Finished done,
               lender.run(engine.command({"images", "--all", "--quiet", "--no-trunc"}),
                          k_engine_patience, false));
    if (!done.exit.ok()) return error(Code::unavailable, "engine_refused", complaint(done));
    std::set<std::string> ids;
    for (const std::string& line : text::split(done.output, '\n'))
        ids.insert(bare_id(text::trim(line)));
    return ids;
}

/// Pulls it with the login and says whose it is then: what nobody could start here before is for
/// those alone who have pulled it themselves, whatever they call it.
Result<spawn::Finished> pull_private(const Engine& engine, const ExecutorParts& parts,
                                     const PrivateImages& known, const std::string& image,
                                     const std::string& secret) {
    SLUICE_TRY(const std::set<std::string> before, images_here(engine, parts.lender));
    const auto was_open = [&](const std::string& id) {
        return before.contains(bare_id(id)) && !known.is_private(bare_id(id));
    };
    // Before it comes: from the first moment on nobody else may take it, and if we are killed.
    const auto here = inspect(engine, parts.lender, image);
    if (!here || !was_open(here->id)) SLUICE_CHECK(known.make_private(image));
    SLUICE_TRY(spawn::Finished done, pull(engine, parts, image, secret));
    if (!done.exit.ok()) return done;
    SLUICE_TRY(const ImageFacts now, inspect(engine, parts.lender, image));
    if (!was_open(now.id)) SLUICE_CHECK(known.make_private(bare_id(now.id)));
    return done;
}

std::optional<Refusal> pull_image(const Engine& engine, const ExecutorParts& parts,
                                  const std::string& image, model::PullPolicy policy,
                                  ImageFacts& facts) {
    Lender& lender = parts.lender;
    // Of one project, tier and ref: a fork's job is not to run what its project has a login for.
    const PrivateImages known(parts.settings.environments.parent_path() / "images",
                              fmt::format("{} {}", parts.job.project.value, parts.job.scope));
    if (policy != model::PullPolicy::always) {
        Result<ImageFacts> here = inspect(engine, lender, image);
        if (!here && here.error().code != Code::not_found)
            return Refusal{here.error(), model::Cause::setup};
        if (here && known.may_use(image) && known.may_use(bare_id(here->id))) {
            facts = std::move(*here);
            return std::nullopt;
        }
        if (policy == model::PullPolicy::never)
            return refusal(model::Cause::image, "no_image",
                           "image " + image + ": this agent does not have it, and `pull` is never");
    }
    lender.note("pulling " + image);
    std::string secret = login_for(parts, image);
    Result<spawn::Finished> pulled = secret.empty()
                                         ? pull(engine, parts, image, secret)
                                         : pull_private(engine, parts, known, image, secret);
    crypto::wipe(secret);
    if (!pulled) return Refusal{pulled.error(), model::Cause::image};
    if (!pulled->exit.ok())
        return refusal(model::Cause::image, "pull_failed",
                       "image " + image + ": " + complaint(*pulled));
    Result<ImageFacts> now = inspect(engine, lender, image);
    if (!now) return Refusal{now.error(), model::Cause::image};
    for (const std::string& name : {image, bare_id(now->id)})
        if (Result<> granted = known.grant(name); !granted) return Refusal{granted.error()};
    facts = std::move(*now);
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

Result<> take_back(const Engine& engine, const files::Path& folder) {
    if (!engine.is_rootless()) return {};
    SLUICE_TRY(spawn::Finished done,
               run_engine(engine, {"unshare", "chown", "-hR", "0:0", "--", folder.string()}));
    if (!done.exit.ok()) return error(Code::unavailable, "engine_refused", complaint(done));
    return {};
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
