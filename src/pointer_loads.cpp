// cachemodel: who asks a source for the models that a secondary key tells, and who joins him.
// SPDX-License-Identifier: MIT
#include "pointer_loads.hpp"

#include <new>
#include <typeinfo>
#include <utility>

#include "cache_core.hpp"
#include "model_entries.hpp"
#include "pointer_job.hpp"

namespace cachemodel::detail {

PointerLoads::PointerLoads(const Door& door, const ModelTable& table, const KeySource& source,
                           std::span<SoughtModel> sought, const Manner& manner)
    : Loads(door.cache, rules_, door.cache.core().model_flights, typeid(FoundKeys), door.loans),
      door_(door),
      table_(table),
      source_(source),
      sought_(sought),
      manner_(manner),
      rules_(load_rules(table.options.expires, load_terms(table.options),
                        door.cache.view().load_rules)) {}

void PointerLoads::ask(std::span<const std::size_t> indices) {
    std::vector<Wanted> wanted;
    wanted.reserve(indices.size());
    for (const std::size_t index : indices) {
        const SoughtModel& sought = sought_[index];
        // A pointer that is there has led astray: it is not worth keeping while this is loaded.
        wanted.push_back({.index = index,
                          .key = sought.pointer,
                          .basis = sought.basis,
                          .standing = nothing_standing_,
                          .has_fallback = false,
                          .landings = sought.landings,
                          .asked_at = sought.asked_at});
    }
    load(std::move(wanted));
}

std::unique_ptr<LoadJob> PointerLoads::make_job() {
    return std::make_unique<PointerJob>(
        cache(), rules_, cache().core().models.of(table_),
        PointerJob::Source{.table = table_,
                           .keys = source_,
                           .contexts = door_.contexts,
                           .is_asked_anyway = manner_.accepted == Answers::of_now,
                           .stores_keys = manner_.stores_keys});
}

void* PointerLoads::place(LoadJob& job, std::size_t index, bool is_task) {
    auto& questions = static_cast<PointerJob&>(job);
    const SoughtModel& sought = sought_[index];
    if (!is_task) return questions.ask(sought.values, sought.object);
    try {
        return questions.ask_by_copy(sought.values);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {  // a copy constructor of the user's
        return nullptr;
    }
}

void PointerLoads::loaded(std::size_t index, KeyLoad&) {
    sought_[index].answer = SoughtModel::Answer::keys;
    sought_[index].is_answered_anew = true;
}

void PointerLoads::take(std::size_t index, const std::shared_ptr<const void>& product) {
    const auto& found = *static_cast<const FoundKeys*>(product.get());
    SoughtModel& sought = sought_[index];
    sought.is_answered_anew = found.asked_at >= sought.asked_at;
    if (found.keys.empty()) {
        sought.answer = SoughtModel::Answer::none;
        return;
    }
    renew(table_, sought.object);
    CborReader reader{found.keys};
    bool is_read = false;
    try {
        is_read = decode_keys(reader, table_, sought.object) && reader.at_end();
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {  // a converter of the user's
    }
    sought.answer = SoughtModel::Answer::keys;
    if (is_read) return;
    fail(index, std::make_exception_ptr(
                    Error("the keys do not survive being stored: " + sought.pointer.stored)));
}

void PointerLoads::fail(std::size_t index, std::exception_ptr error) {
    sought_[index].answer = SoughtModel::Answer::failure;
    sought_[index].error = std::move(error);
}

/// Of keys that were right once the object tells whether they still are. But what did not exist may
/// do so by now, and nothing would tell.
bool PointerLoads::is_enough(std::size_t index, const std::shared_ptr<const void>& product) const {
    const auto& found = *static_cast<const FoundKeys*>(product.get());
    if (found.asked_at >= sought_[index].asked_at) return true;
    return manner_.accepted == Answers::of_others && !found.keys.empty();
}

void PointerLoads::count(Counter Counters::*counter) noexcept {
    Tally{cache()}.count(table_, counter);
}

}  // namespace cachemodel::detail
