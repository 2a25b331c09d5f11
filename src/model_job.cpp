// cachemodel: loads models by their from_miss.
// SPDX-License-Identifier: MIT
#include "model_job.hpp"

#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "secondary_keys.hpp"

namespace cachemodel::detail {

void assign_references(const ModelTable& table, void* object, const LoadedModel& product) {
    if (product.references.empty()) return;
    const ReferenceList own{table, object};
    for (std::size_t i = 0; i < own.size() && i < product.references.size(); ++i) {
        const ReferenceBase& given = product.references[i];
        if (given.target() != nullptr && given.target()->loaded) own[i] = given;
    }
}

void reset(const ModelTable& table, void* object) {
    const AnyModel fresh{table};
    copy_keys(table, fresh.get(), object);
    table.move(object, fresh.get());
}

void* ModelJob::copy_of(const void* object) {
    const AnyModel& copy = copies_.emplace_back(table());
    copy_keys(table(), copy.get(), object);
    return copy.get();
}

void ModelJob::load(std::span<KeyLoad* const> wanted) {
    const bool one_by_one =
        loader_.load_many == nullptr || (wanted.size() == 1 && loader_.load_one != nullptr);
    if (!one_by_one) return load_batch(wanted);
    for (KeyLoad* const each : wanted) {
        load_singly(*each);
        store_if_slow(*each);
    }
}

void ModelJob::load_singly(KeyLoad& load) {
    try {
        KeyLoad* const one = &load;
        const Run run{*this, {&one, 1}};
        loader_.load_one(contexts_, load.place);
        check_key(load, make_model_key(table(), load.place));
    } catch (const Missing& error) {
        // One that names a model came from a load of something else.
        return error.model().empty() ? missing(load) : failed(load, std::current_exception());
    } catch (...) {
        return failed(load, std::current_exception());
    }
    finish(load);
}

void ModelJob::check_key(const KeyLoad& load, const EntryKey& loaded) const {
    if (loaded.in_envelope() == load.key.in_envelope()) return;
    throw Error("from_miss was asked for " + load.key.stored + " and gave " + loaded.stored);
}

/// Puts each object that a batch loader gives into the place that wants it.
class ModelJob::Batch final : public LoadedSink {
 public:
    Batch(const ModelTable& table, std::span<KeyLoad* const> wanted) : table_(table) {
        by_key_.reserve(wanted.size());
        for (KeyLoad* const each : wanted) by_key_.emplace(each->key.in_envelope(), each);
    }

    void loaded(void* object) override {
        const EntryKey key = make_model_key(table_, object);
        const auto wanted = by_key_.find(key.in_envelope());
        if (wanted == by_key_.end()) return;  // nobody asked for it
        table_.move(wanted->second->place, object);
        came_.emplace(wanted->second);
    }
    bool has(KeyLoad* load) const { return came_.contains(load); }

 private:
    const ModelTable& table_;
    std::unordered_map<std::string_view, KeyLoad*> by_key_;
    std::unordered_set<KeyLoad*> came_;
};

void ModelJob::load_batch(std::span<KeyLoad* const> wanted) {
    std::vector<const void*> with_keys;
    with_keys.reserve(wanted.size());
    for (KeyLoad* const each : wanted) with_keys.push_back(each->place);
    std::exception_ptr error;
    Batch batch{table(), wanted};
    try {
        const Run run{*this, wanted};
        loader_.load_many(contexts_, with_keys, batch);
    } catch (const Missing& thrown) {
        if (!thrown.model().empty()) error = std::current_exception();
    } catch (...) {
        error = std::current_exception();
    }
    for (KeyLoad* const each : wanted) {
        if (error) {
            // Nothing of a batch that broke off is trusted.
            if (batch.has(each)) reset(table(), each->place);
            failed(*each, error);
        } else if (batch.has(each)) {
            finish(*each);
        } else {
            missing(*each);  // it looked everything up, and this is not there
        }
    }
}

/// What is in the object now. Errors: those of a converter of the user's.
std::shared_ptr<LoadedModel> ModelJob::product_of(const KeyLoad& load) const {
    auto product = std::make_shared<LoadedModel>();
    product->entry = std::make_shared<const PreparedEntry>(prepare_entry(
        cache(), load.key, life(load),
        [&](CborWriter& writer) { encode_members(writer, load.place, table().members); }));
    if (table().references.empty()) return product;
    const ReferenceList given{table(), load.place};
    for (std::size_t i = 0; i < given.size(); ++i) product->references.push_back(given[i]);
    return product;
}

/// The object is there: what becomes of it?
void ModelJob::finish(KeyLoad& load) {
    if (cache().is_bypass()) {
        try {
            if (loader_.complete != nullptr) complete_object(load);
        } catch (...) {
            return failed(load, std::current_exception());
        }
        return found(load, nullptr, nullptr);
    }
    try {
        auto product = product_of(load);
        product->is_part = loader_.complete != nullptr;
        if (product->is_part) return found_in_part(load, std::move(product));
        auto entry = product->entry;
        return found(load, std::move(product), std::move(entry));
    } catch (...) {  // a converter of the user's, or no memory: it cannot be handed on
        count(&Counters::store_failures);
    }
    found(load, nullptr, nullptr);
}

void ModelJob::complete_object(KeyLoad& load) {
    KeyLoad* const one = &load;
    const Run run{*this, {&one, 1}};
    loader_.complete(contexts_, load.place);
}

/// Takes the second step: in a task on its own object, in a successor on a copy of what was found.
void ModelJob::complete(KeyLoad& load) {
    try {
        if (is_successor_) {
            const auto& part = *static_cast<const LoadedModel*>(load.product.get());
            const auto opened = open_entry(part.entry->bytes, load.key.in_envelope()).entry;
            if (!opened || !decode(*opened, load.place)) {
                throw Error("a value does not survive being stored: " + load.key.stored);
            }
            assign_references(table(), load.place, part);
        }
        complete_object(load);
        check_key(load, make_model_key(table(), load.place));
        completed(load, product_of(load)->entry);
    } catch (...) {
        failed(load, std::current_exception());
    }
}

std::unique_ptr<LoadJob> ModelJob::make_successor() {
    auto successor = std::make_unique<ModelJob>(cache(), rules(), own_, loader_, contexts_);
    successor->is_successor_ = true;
    return successor;
}

/// Errors: `std::bad_alloc`, `TooManyObjects`; whatever else goes wrong is false.
bool ModelJob::decode(const OpenedEntry& entry, void* object) const {
    std::optional<GraphHandle> graph;
    if (!table().references.empty()) graph.emplace();
    const auto reason = decode_entry(entry, [&](CborReader& reader) {
        reader.graph = graph ? &**graph : nullptr;
        reader.references_own_graph = true;
        reader.every_member_required = true;
        return decode_members(reader, object, table().members);
    });
    if (graph) (*graph)->end_loading();
    return !reason;
}

std::shared_ptr<const void> ModelJob::take(KeyLoad&, const OpenedEntry& entry) {
    // That it can be read is found out here, where it can still be loaded.
    const AnyModel object{table()};
    if (!decode(entry, object.get())) return nullptr;
    auto product = std::make_shared<LoadedModel>();
    PreparedEntry copy;
    begin_entry(copy.bytes, entry.envelope);
    copy.bytes += entry.body;
    end_entry(copy.bytes);
    product->entry = std::make_shared<const PreparedEntry>(std::move(copy));
    return product;
}

/// They are to be found by their secondary keys, too.
void ModelJob::follow_up(std::span<KeyLoad* const> stored) {
    if (table().secondary_keys.empty()) return;
    Pointers pointers;
    for (const KeyLoad* const each : stored) {
        if (each->state != KeyLoad::State::found) continue;
        pointers.add(cache(), table(), each->place, each->entry->lifetime);
    }
    std::vector<Outcome> outcomes(pointers.size());
    cache().quietly().store_many(Store::set, pointers.entries(), outcomes);
}

std::shared_ptr<const void> ModelJob::missing_product(const KeyLoad&) {
    return std::make_shared<const LoadedModel>();
}

}  // namespace cachemodel::detail
