// cachemodel: how models are fetched, loaded and stored; the untyped half of Models.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/detail/lender.hpp>
#include <cachemodel/detail/model_table.hpp>
#include <cachemodel/detail/origin.hpp>
#include <cachemodel/lifetime.hpp>
#include <cachemodel/lookup.hpp>
#include <cachemodel/observer.hpp>

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cachemodel::detail {

/// Takes what a batch loader brought.
class LoadedSink {
 public:
    /// `object` is moved from.
    virtual void loaded(void* object) = 0;

 protected:
    ~LoadedSink() = default;
};

/// The loader of one model, with the types of its contexts forgotten.
///
/// Without both functions the door lacks a context: the model has a source that cannot be asked.
struct Loader {
    const ModelTable* table;
    /// `object.from_miss(contexts…)`; null where the model has only the batch form.
    void (*load_one)(const void* contexts, void* object);
    /// `M::from_miss_many(wanted, contexts…)`; null where it has none.
    void (*load_many)(const void* contexts, std::span<const void* const> wanted, LoadedSink& sink);
    /// `object.complete(contexts…)`; null where the model has none.
    void (*complete)(const void* contexts, void* object) = nullptr;

    bool can_load() const noexcept { return load_one != nullptr || load_many != nullptr; }
};

inline constexpr std::size_t any_depth = std::numeric_limits<std::size_t>::max();

/// What a Models knows, without its types.
struct Door {
    const Cache& cache;
    /// The named cache that `cache` stands for: models that name another one live in that one.
    std::string_view cache_name;
    /// Of every model that can be reached.
    std::span<const Loader> loaders;
    const void* contexts = nullptr;
    /// Of what lends the contexts to loads in the background; null where there are none.
    std::shared_ptr<Loans> loans = {};
    /// Levels of references to be fetched.
    std::size_t depth = any_depth;
    /// False: what is not in the cache is absent, though its model has a loader.
    bool load_roots = true;
    /// Whether the model itself has a loader, given or not.
    bool has_source = false;
    /// What is fetched is to be changed: nothing stale will do, nor anything in part.
    bool for_update = false;
};

/// Null for a model that was found.
using Answer = std::shared_ptr<const Nothing>;

/// Fills `objects`, whose keys are set, from the cache and the loaders, and fetches what they refer
/// to. Writes where each comes from, if `origins` has room.
void fetch_models(const Door& door, const ModelTable& table, std::span<void* const> objects,
                  std::span<Answer> answers, std::span<Origin> origins = {});
/// An object that is to be shared, and never changed once it was fetched.
struct SharedModel {
    std::shared_ptr<void> object;
    std::string_view key;  ///< as `KeyBytes` has it; empty where it is not to be kept
};
/// As `fetch_models`, but leaves what was found with the decoded objects of the cache.
void fetch_shared_models(const Door& door, const ModelTable& table,
                         std::span<const SharedModel> models, std::span<Answer> answers,
                         std::span<Origin> origins);
/// For how long that will be given out.
std::optional<Lifetime> decoded_left(const Cache& cache, const ModelTable& table, std::size_t depth,
                                     std::string_view key) noexcept;
/// The decoded object, as a door to the cache of that depth reads it; null where there is none.
std::shared_ptr<const void> find_decoded(const Cache& cache, const ModelTable& table,
                                         std::size_t depth, std::string_view key) noexcept;
/// Fetches what the given objects refer to.
void fetch_references(const Door& door, const ModelTable& table, std::span<void* const> objects,
                      std::span<Answer> answers);

/// Finds the keys of models in their source, by the values of one secondary key.
struct KeySource {
    /// Sets the keys of `object` to those of the one that has these values; false where the source
    /// has none. Null where the source cannot be asked.
    bool (*find)(const void* contexts, const void* values, void* object) = nullptr;
    /// For a load in the background. Errors: those of a copy constructor of the user's.
    std::shared_ptr<const void> (*copy)(const void* values) = nullptr;
};

/// What is asked of a secondary key.
struct SecondaryQuestion {
    std::string text;    ///< of the values, as in keys
    const void* values;  ///< as `KeySource` takes them
};

/// Fills `objects` with those that the model's secondary key `which` tells.
void fetch_models_by(const Door& door, const ModelTable& table, std::size_t which,
                     std::span<const SecondaryQuestion> asked, const KeySource& source,
                     std::span<void* const> objects, std::span<Answer> answers,
                     std::span<Origin> origins);

/// Whether there is a sound entry: done, or declined. Errors: `IncompleteKey`.
Outcome model_exists(const Door& door, const ModelTable& table, const void* object);

/// `key` is as `KeyBytes` has it. Errors: `IncompleteKey`.
Explanation explain_model(const Door& door, const ModelTable& table, const void* object,
                          std::string_view key);

/// Writes what each was stored as, if `revisions` has room.
void save_models(const Door& door, const ModelTable& table, std::span<const void* const> objects,
                 std::optional<Lifetime> lifetime, std::span<Outcome> outcomes,
                 std::span<Revision> revisions = {});
void remove_models(const Door& door, const ModelTable& table, std::span<const void* const> objects,
                   std::span<Outcome> outcomes);
Outcome touch_model(const Door& door, const ModelTable& table, const void* object,
                    Lifetime lifetime);

/// What the source says of a model now.
struct SourceState {
    const void* object;  ///< its keys are set; null where the source could not be read
    bool is_gone;        ///< the source has none any more
};

/// Stores or removes each, so that the cache says what the source says. Of several of one key the
/// last one counts. Outcomes of what could not be read are left as they are.
void refresh_models(const Door& door, const ModelTable& table, std::span<const SourceState> states,
                    std::span<Outcome> outcomes);

/// What a program does to a model. Returns false to leave it as it is stored.
struct Change {
    const void* function;
    bool (*apply)(const void* function, void* object);
};

/// Fills `object`, whose keys are set, from its entry, changes it, and stores it if nobody has
/// stored anything else meanwhile; otherwise begins anew.
///
/// Errors: `Missing`, `Conflict`, `BackendError`, `InvalidKey`, `IncompleteKey`, and what the
/// loader and the change throw.
void update_model(const Door& door, const ModelTable& table, void* object, const Change& change,
                  Revision& revision);
/// Stores `object` if its entry is still in the state of `revision`, which is written anew.
///
/// Errors: `Conflict`, `BackendError`, `IncompleteKey`.
void save_model_if_unchanged(const Door& door, const ModelTable& table, const void* object,
                             std::optional<Lifetime> lifetime, Revision& revision);

/// What a model has counted in a cache.
Statistics model_statistics(const Cache& cache, const ModelTable& table);

/// Whether it was done, or declined. Errors: the outcome's failure.
bool done_or_throw(const Outcome& outcome);
/// The same, but false also for a failure that the cache ignores; its observer has been told then.
bool done_or_ignored(const Cache& cache, Operation operation, const Outcome& outcome);
/// Tells the observer of the first failure that the cache ignores, if there is one.
void tell_ignored(const Cache& cache, Operation operation, std::span<const Outcome> outcomes);
/// A lookup's answer as the outcome of a verb that has no value: failed, with its failure or with
/// the `Missing` that `get` throws.
Outcome as_outcome(const Nothing& nothing);
/// A `find` keeps `Missing` and `BackendError` for the caller to look at; other exceptions, which
/// a loader threw, leave it. Errors: these.
void rethrow_unless_failure_of_find(const Failure& failure);

}  // namespace cachemodel::detail
