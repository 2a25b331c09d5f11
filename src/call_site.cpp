// cachemodel: a cached function: its settings, its names, what it has counted.
// SPDX-License-Identifier: MIT
#include "call_site.hpp"

#include <cachemodel/caches.hpp>

#include <utility>

#include "type_names.hpp"

namespace cachemodel::detail {

CallSite::CallSite(CallSettings settings_) : settings(std::move(settings_)) {}

CallSite::~CallSite() {
    const Named* next = first_.load();
    while (next != nullptr) delete std::exchange(next, next->next);
}

const CallNames& CallSite::names(const std::type_info* dynamic) {
    if (const Named* const named = find(dynamic)) return named->names;
    auto names = make_names(dynamic);
    const std::lock_guard lock{adding_};
    if (const Named* const named = find(dynamic)) return named->names;
    const auto* const named = new Named{dynamic, std::move(names), first_.load()};
    first_.store(named);
    return named->names;
}

const CallSite::Named* CallSite::find(const std::type_info* dynamic) const noexcept {
    for (const Named* each = first_.load(); each != nullptr; each = each->next) {
        if (each->type == dynamic) return each;
        if (each->type != nullptr && dynamic != nullptr && *each->type == *dynamic) return each;
    }
    return nullptr;
}

CallNames CallSite::make_names(const std::type_info* dynamic) const {
    const CallTraits& traits = settings.traits();
    CallNames names;
    names.name =
        settings.name.empty() ? name_of_function(traits.tag, traits.parameters) : settings.name;
    if (names.name.empty()) {
        throw ConfigError("the function " + shown_name_of_type(traits.tag) +
                          " has no name that is the same in every build; give it one: "
                          "{.name = \"…\"}");
    }
    append_head(names.head, names.name, settings.version);
    if (dynamic != nullptr) {
        const std::string type = name_of_type(*dynamic);
        if (type.empty()) {
            throw ConfigError("the class " + shown_name_of_type(*dynamic) +
                              ", an object of which " + names.name +
                              " was called for, has no name that is the same in every build; "
                              "declare it outside of the lambda");
        }
        names.head += '<';
        append_escaped(names.head, type);
        names.head += '>';
    }
    for (const std::type_info* const tag : traits.members) {
        auto& member = names.members.emplace_back(names.members.empty() ? "" : ",");
        append_escaped(member, name_of_member(*tag, *traits.owner));
        member += '=';
    }
    return names;
}

std::shared_ptr<CallSite> make_call_site(CallSettings settings) {
    return std::make_shared<CallSite>(std::move(settings));
}

const CallNames& names_of(CallSite& site, const std::type_info* dynamic) {
    return site.names(dynamic);
}

Cache cache_of(const CallSite& site) {
    return site.settings.cache ? *site.settings.cache : caches()[site.settings.cache_name];
}

Statistics statistics_of(const CallSite& site) noexcept { return site.counters.read(); }

EntryKey finish_key(const CallSite& site, const CallNames& names, std::string text) {
    return make_entry_key(std::move(text), names.head.size(), site.settings.secret_keys);
}

void throw_invalid_form(const std::type_info& form) {
    throw InvalidForm("the form " + shown_name_of_type(form) + " is not valid");
}

std::string CallKey::part_name() const {
    if (in_arguments_) return "argument " + std::to_string(part_ + 1);
    if (part_ >= names_.members.size()) return "cleaned_data()";
    const std::string& shown = names_.members[part_];  // with what stands between members
    const std::size_t start = shown.starts_with(',') ? 1 : 0;
    return shown.substr(start, shown.size() - start - 1);
}

void CallKey::rethrow_with_part(const InvalidKey& error) const {
    throw InvalidKey(names_.name + ": " + part_name() + ": " + error.what());
}

}  // namespace cachemodel::detail
