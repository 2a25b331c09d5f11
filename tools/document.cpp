// cachemodel: the command line tool: named caches of a JSON document.
// SPDX-License-Identifier: MIT
#include "document.hpp"

#ifdef CACHEMODEL_TOOL_HAS_JSON

#include <cachemodel/caches.hpp>
#include <cachemodel/caches_json.hpp>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <vector>

#include "caches_json_description.hpp"

namespace cachemodel::tool {

namespace {

using nlohmann::json;

[[noreturn]] void cannot_read(const std::string& name, int error) {
    throw Problem{Exit::configuration,
                  name + " cannot be read: " + std::generic_category().message(error)};
}

std::string content(const std::string& file) {
    const bool is_input = file == "-";
    const std::string name = is_input ? "standard input" : file;
    const auto close = [](std::FILE* stream) { return stream == stdin ? 0 : std::fclose(stream); };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream{
        is_input ? stdin : std::fopen(file.c_str(), "rbe"), close};
    if (!stream) cannot_read(name, errno);
    std::string text;
    std::array<char, 4096> buffer{};
    while (const auto size = std::fread(buffer.data(), 1, buffer.size(), stream.get())) {
        text.append(buffer.data(), size);
    }
    if (std::ferror(stream.get()) != 0) cannot_read(name, errno);
    return text;
}

/// Configures one cache of the document as programs do that configure themselves by all of it. Its
/// warnings.
std::vector<std::string> configure(const std::string& name, const json& description) {
    return configure_caches(json{{name, description}}.dump());
}

/// What is wrong with another cache does not keep anybody from this one; it may be of a scheme, or
/// have a key function, that only its program knows.
void check(Session& session, const std::string& name, const json& description) {
    try {
        const ScopedCaches scope;
        configure(name, description);
    } catch (const ConfigError& error) {
        session.warn(error.what());
    }
}

}  // namespace

std::string url_in_document(Session& session) {
    const json document = detail::parse_caches(content(session.arguments.document));
    const std::string& name = session.arguments.name;
    if (!document.contains(name)) {
        std::string known;
        for (const auto& [each, description] : document.items()) {
            known.append(known.empty() ? "" : ", ").append('"' + each + '"');
        }
        throw Problem{Exit::configuration, "no cache is named \"" + name + "\"; the document has " +
                                               (known.empty() ? "none" : known)};
    }
    const auto warnings = configure(name, document.at(name));
    for (const auto& [each, description] : document.items()) {
        if (each != name) check(session, each, description);
    }
    for (const auto& warning : warnings) session.warn(warning);
    return detail::url_of_description(document.at(name));
}

}  // namespace cachemodel::tool

#else

namespace cachemodel::tool {

std::string url_in_document(Session&) {
    throw Problem{Exit::configuration,
                  "--caches: this program was built without the component json"};
}

}  // namespace cachemodel::tool

#endif
