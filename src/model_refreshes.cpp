// cachemodel: how stored models follow what their source says.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/engine.hpp>

#include <new>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "entries.hpp"

namespace cachemodel::detail {

namespace {

/// Some of the states, to be dealt with in one call.
struct Part {
    std::vector<const void*> objects;
    std::vector<std::size_t> places;

    void add(const void* object, std::size_t place) {
        objects.push_back(object);
        places.push_back(place);
    }
    void tell(std::vector<Outcome>& from, std::span<Outcome> to) const {
        for (std::size_t i = 0; i < places.size(); ++i) to[places[i]] = std::move(from[i]);
    }
};

}  // namespace

void refresh_models(const Door& door, const ModelTable& table, std::span<const SourceState> states,
                    std::span<Outcome> outcomes) {
    std::unordered_map<std::string, std::size_t> last_of;
    std::vector<std::optional<std::string>> keys(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
        if (states[i].object == nullptr) continue;
        try {
            keys[i] = make_model_key(table, states[i].object).in_envelope();
            last_of.insert_or_assign(*keys[i], i);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {  // an incomplete key, or a to_cache_key of the user's
            outcomes[i] = Failure{std::current_exception()};
        }
    }
    Part gone;
    Part there;
    for (std::size_t i = 0; i < states.size(); ++i) {
        if (!keys[i] || last_of.at(*keys[i]) != i) continue;
        (states[i].is_gone ? gone : there).add(states[i].object, i);
    }
    // First what is gone: what it was found by may be another's now.
    if (!gone.objects.empty()) {
        std::vector<Outcome> removed(gone.objects.size());
        remove_models(door, table, gone.objects, removed);
        gone.tell(removed, outcomes);
    }
    if (!there.objects.empty()) {
        std::vector<Outcome> saved(there.objects.size());
        save_models(door, table, there.objects, {}, saved);
        there.tell(saved, outcomes);
    }
    for (std::size_t i = 0; i < states.size(); ++i) {
        if (!keys[i]) continue;
        const std::size_t last = last_of.at(*keys[i]);
        if (last != i) outcomes[i] = outcomes[last];
    }
}

}  // namespace cachemodel::detail
