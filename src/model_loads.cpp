// cachemodel: how models are fetched and loaded.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/engine.hpp>

#include <cachemodel/caches.hpp>

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "entries.hpp"
#include "model_entries.hpp"
#include "revision.hpp"
#include "secondary_keys.hpp"

namespace cachemodel::detail {

namespace {

constexpr std::size_t most_objects = 100'000;

/// Makes an object as it was before anything but its keys was set.
void reset(const ModelTable& table, void* object) {
    const AnyModel fresh{table};
    copy_keys(table, fresh.get(), object);
    table.move(object, fresh.get());
}

// ---- fetching

enum class State : std::uint8_t { pending, found, absent, failed };

/// One object of a load.
struct Item {
    const ModelTable* table = nullptr;
    void* object = nullptr;
    Target* target = nullptr;  ///< null for a root: its object is the caller's
    EntryKey key = {};
    State state = State::pending;
    MissReason reason = MissReason::nothing_stored;
    std::optional<Failure> failure = {};
    std::optional<BrokenReference> broken = {};
    Revision revision = {};  ///< of a root
};

/// A reference from one item to another.
struct Edge {
    std::size_t from;
    std::size_t to;
    Dangling policy;
};

/// The references of an object.
class ReferenceList final : public ReferenceVisitor {
 public:
    ReferenceList(const ModelTable& table, void* object) {
        for (const auto visit_one : table.references) visit_one(object, *this);
    }
    void visit(ReferenceBase& reference, const ModelTable&, Dangling) override {
        references_.push_back(&reference);
    }

    std::size_t size() const noexcept { return references_.size(); }
    ReferenceBase& operator[](std::size_t index) const noexcept { return *references_[index]; }

 private:
    std::vector<ReferenceBase*> references_;
};

class Load {
 public:
    explicit Load(const Door& door) : door_(door) {}

    /// Objects of the caller; `given` ones have their members already.
    void add_roots(const ModelTable& table, std::span<void* const> objects, bool given);
    void fetch_all();
    void answer(std::span<Answer> answers);
    void tell_revisions(std::span<Revision> revisions) const;
    /// Lets the references of given objects point to what was found.
    void fill_given() noexcept;

 private:
    class Sink;
    class Batch;
    struct Group {
        Cache cache;
        std::vector<std::size_t> items;
    };

    void fetch_level(const std::vector<std::size_t>& level);
    void fetch_group(const Group& group);
    void count_read(const Group& group);
    void read_entry(const Cache& cache, Item& item, std::string_view bytes);
    void load_missing(const Group& group);
    void load_singly(const Loader& loader, Item& item);
    void load_batch(const Loader& loader, const std::vector<std::size_t>& wanted);
    void finish_loaded(Item& item, const EntryKey& loaded_key);
    void fail(Item& item, Failure failure);
    void store(const Group& group, const std::vector<std::size_t>& loaded);
    void clone(const Item& from, Item& to);
    std::vector<std::size_t> next_level(const std::vector<std::size_t>& level, bool deeper);
    void spread(State state);
    Cache cache_of(const ModelTable& table) const;
    Item* root_like(const Item& item);

    class Visitor;

    const Door& door_;
    std::optional<GraphHandle> graph_;
    std::deque<Item> items_;  // what it holds stays where it is
    std::vector<Edge> edges_;
    std::size_t root_count_ = 0;
    bool roots_given_ = false;
    // Until all is done, nobody outside of the load can get at the graph.
    std::vector<std::pair<ReferenceBase*, Target*>> references_of_given_;
    std::vector<std::size_t> first_level_;
    std::unordered_map<std::string_view, std::size_t> roots_by_key_;
    std::vector<std::pair<std::size_t, std::size_t>> equal_roots_;  // the first, the repeated one
    std::vector<std::size_t> copied_;  // of the level at hand: equal to an item that is there
};

void Load::add_roots(const ModelTable& table, std::span<void* const> objects, bool given) {
    root_count_ = objects.size();
    roots_given_ = given;
    if (!table.references.empty()) graph_.emplace();
    for (std::size_t i = 0; i < root_count_; ++i) {
        Item& item = items_.emplace_back(Item{.table = &table, .object = objects[i]});
        try {
            item.key = make_model_key(table, item.object);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {  // an incomplete key, or a to_cache_key of the user's
            fail(item, Failure{std::current_exception()});
            continue;
        }
        if (given) item.state = State::found;
    }
    for (std::size_t i = 0; i < root_count_; ++i) {
        Item& item = items_[i];
        if (item.state == State::failed) continue;
        if (given) {
            first_level_.push_back(i);
            continue;
        }
        if (root_count_ == 1 && !graph_) {  // nothing can be equal to it
            first_level_.push_back(i);
            continue;
        }
        const auto [first, is_new] = roots_by_key_.emplace(item.key.in_envelope(), i);
        if (is_new) {
            first_level_.push_back(i);
        } else {
            equal_roots_.emplace_back(first->second, i);
        }
    }
}

Cache Load::cache_of(const ModelTable& table) const {
    if (table.options.cache == door_.cache_name) return door_.cache;
    const Cache named = caches()[table.options.cache];
    return door_.cache.is_bypass() ? named.bypass() : named;
}

void Load::fetch_all() {
    std::vector<std::size_t> level = std::move(first_level_);
    fetch_level(level);
    for (const auto& [first, repeated] : equal_roots_) {
        clone(items_[first], items_[repeated]);
        level.push_back(repeated);
    }
    for (std::size_t depth = 0; graph_ && !level.empty(); ++depth) {
        level = next_level(level, depth < door_.depth);
        fetch_level(level);
        // An object that is there already is not fetched again.
        for (const std::size_t index : copied_) {
            clone(*root_like(items_[index]), items_[index]);
            level.push_back(index);
        }
        copied_.clear();
    }
    if (graph_) (*graph_)->end_loading();
    // Where both are met, it is known all the same that something is not there.
    spread(State::absent);
    spread(State::failed);
    for (std::size_t i = root_count_; i < items_.size(); ++i) {
        items_[i].target->loaded = items_[i].state == State::found;
    }
}

/// The root of the same class and key, if there is one.
Item* Load::root_like(const Item& item) {
    if (item.table != items_.front().table) return nullptr;
    const auto root = roots_by_key_.find(item.key.in_envelope());
    return root == roots_by_key_.end() ? nullptr : &items_[root->second];
}

/// Makes `to` equal to `from`, through bytes: a model need not be copyable. Models that a loader
/// assigned to references are not in the bytes, and are shared.
void Load::clone(const Item& from, Item& to) {
    to.state = from.state;
    to.reason = from.reason;
    to.failure = from.failure;
    to.revision = from.revision;
    if (from.state != State::found) return;
    std::string bytes;
    CborWriter writer{bytes};
    bool copied = false;
    try {
        encode_members(writer, from.object, from.table->members);
        CborReader reader{bytes};
        reader.graph = graph_ ? &**graph_ : nullptr;
        reader.references_own_graph = to.target == nullptr;
        copied = decode_members(reader, to.object, to.table->members);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {  // a converter of the user's
        return fail(to, Failure{std::current_exception()});
    }
    if (!copied) {
        return fail(to, Failure{std::make_exception_ptr(
                            Error("a value does not survive being stored: " + to.key.stored))});
    }
    const ReferenceList originals{*from.table, from.object};
    const ReferenceList copies{*to.table, to.object};
    for (std::size_t i = 0; i < originals.size(); ++i) {
        const Target* const target = originals[i].target();
        if (target != nullptr && target->graph != &**graph_) copies[i] = originals[i];
    }
}

void Load::fail(Item& item, Failure failure) {
    item.state = State::failed;
    item.failure = std::move(failure);
}

void Load::fetch_level(const std::vector<std::size_t>& level) {
    std::vector<Group> groups;
    for (const std::size_t index : level) {
        if (items_[index].state != State::pending) continue;
        const Cache cache = cache_of(*items_[index].table);
        const auto is_same = [&](const Group& group) { return group.cache == cache; };
        auto group = std::find_if(groups.begin(), groups.end(), is_same);
        if (group == groups.end()) group = groups.insert(groups.end(), Group{cache, {}});
        group->items.push_back(index);
    }
    for (const auto& group : groups) fetch_group(group);
}

/// Decodes each answer of a read into its item.
class Load::Sink final : public ReadSink {
 public:
    Sink(Load& load, const Group& group) : load_(load), group_(group) {}

    void found(std::size_t index, std::string_view value, std::uint64_t) noexcept override {
        try {
            load_.read_entry(group_.cache, item(index), value);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void absent(std::size_t index) noexcept override { item(index).state = State::absent; }
    void unusable(std::size_t index, MissReason reason) noexcept override {
        item(index).state = State::absent;
        item(index).reason = reason;
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        try {
            load_.fail(item(index), failure);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void rethrow_fatal() const {
        if (fatal_) std::rethrow_exception(fatal_);
    }

 private:
    Item& item(std::size_t index) noexcept { return load_.items_[group_.items[index]]; }

    Load& load_;
    const Group& group_;
    std::exception_ptr fatal_;
};

void Load::count_read(const Group& group) {
    Tally tally{group.cache};
    for (const std::size_t index : group.items) {
        const Item& item = items_[index];
        if (item.state == State::found) tally.count(*item.table, &Counters::hits);
        if (item.state == State::absent) tally.count_miss(*item.table, item.reason);
        if (item.state == State::failed) tally.of(*item.table).read_failures += 1;
    }
}

void Load::fetch_group(const Group& group) {
    std::vector<std::string_view> keys;
    keys.reserve(group.items.size());
    for (const std::size_t index : group.items) keys.push_back(items_[index].key.stored);
    Sink sink{*this, group};
    group.cache.read_many(keys, sink);
    sink.rethrow_fatal();

    if (!group.cache.is_bypass()) count_read(group);
    load_missing(group);
}

/// Errors: `std::bad_alloc`, `TooManyObjects`; whatever else goes wrong is a miss.
void Load::read_entry(const Cache& cache, Item& item, std::string_view bytes) {
    const OpenResult opened = open_living(cache, bytes, item.key.in_envelope());
    item.state = State::absent;
    item.reason = opened.reason;
    if (!opened.entry) return;
    const auto reason = decode_entry(*opened.entry, [&](CborReader& reader) {
        reader.graph = graph_ ? &**graph_ : nullptr;
        reader.references_own_graph = item.target == nullptr;
        reader.every_member_required = find_loader(door_, *item.table) != nullptr;
        return decode_members(reader, item.object, item.table->members);
    });
    if (reason) {
        item.reason = *reason;
        reset(*item.table, item.object);
        return;
    }
    item.state = State::found;
    if (item.target == nullptr) item.revision = revision_of(*opened.entry);
}

// ---- loaders

void Load::load_missing(const Group& group) {
    std::vector<std::pair<const Loader*, std::vector<std::size_t>>> batches;
    std::vector<std::size_t> to_store;
    for (const std::size_t index : group.items) {
        const Item& item = items_[index];
        if (item.state == State::found) continue;
        if (item.target == nullptr && !door_.load_roots) continue;
        const Loader* const loader = find_loader(door_, *item.table);
        if (loader == nullptr || !loader->can_load()) continue;
        // What the cache could not tell about is not written back: it may hold something newer.
        if (item.state == State::absent) to_store.push_back(index);
        const auto is_same = [&](const auto& batch) { return batch.first == loader; };
        auto batch = std::find_if(batches.begin(), batches.end(), is_same);
        if (batch == batches.end()) batch = batches.insert(batches.end(), {loader, {}});
        batch->second.push_back(index);
    }
    for (const auto& [loader, wanted] : batches) {
        const bool one_by_one =
            loader->load_many == nullptr || (wanted.size() == 1 && loader->load_one != nullptr);
        if (one_by_one) {
            for (const std::size_t index : wanted) load_singly(*loader, items_[index]);
        } else {
            load_batch(*loader, wanted);
        }
        Tally tally{group.cache};
        for (const std::size_t index : wanted) {
            const Item& item = items_[index];
            const auto counter = item.state == State::found    ? &Counters::loads
                                 : item.state == State::failed ? &Counters::load_failures
                                                               : &Counters::source_misses;
            tally.count(*item.table, counter);
        }
    }
    std::erase_if(to_store, [&](std::size_t index) { return items_[index].state != State::found; });
    store(group, to_store);
}

void Load::load_singly(const Loader& loader, Item& item) {
    try {
        loader.load_one(door_.contexts, item.object);
    } catch (const Missing& missing) {
        if (!missing.model().empty()) return fail(item, Failure{std::current_exception()});
        item.state = State::absent;  // the source knows, whether or not the cache could tell
        item.failure.reset();
        return;
    } catch (...) {
        return fail(item, Failure{std::current_exception()});
    }
    try {
        finish_loaded(item, make_model_key(*item.table, item.object));
    } catch (...) {
        fail(item, Failure{std::current_exception()});
    }
}

void Load::finish_loaded(Item& item, const EntryKey& loaded_key) {
    if (loaded_key.in_envelope() != item.key.in_envelope()) {
        throw Error("from_miss was asked for " + item.key.stored + " and gave " +
                    loaded_key.stored);
    }
    item.state = State::found;
    item.failure.reset();
}

/// Puts each object that a batch loader gives into the item that wants it.
class Load::Batch final : public LoadedSink {
 public:
    Batch(Load& load, const std::vector<std::size_t>& wanted) : load_(load) {
        by_key_.reserve(wanted.size());
        for (const std::size_t index : wanted) {
            by_key_.emplace(load.items_[index].key.in_envelope(), index);
        }
    }

    void loaded(void* object) override {
        const ModelTable& table = *load_.items_[by_key_.begin()->second].table;
        const EntryKey key = make_model_key(table, object);
        const auto wanted = by_key_.find(key.in_envelope());
        if (wanted == by_key_.end()) return;  // nobody asked for it
        Item& item = load_.items_[wanted->second];
        table.move(item.object, object);
        load_.finish_loaded(item, key);
    }

 private:
    Load& load_;
    std::unordered_map<std::string_view, std::size_t> by_key_;
};

void Load::load_batch(const Loader& loader, const std::vector<std::size_t>& wanted) {
    std::vector<const void*> with_keys;
    with_keys.reserve(wanted.size());
    for (const std::size_t index : wanted) with_keys.push_back(items_[index].object);
    std::optional<Failure> failure;
    Batch batch{*this, wanted};
    try {
        loader.load_many(door_.contexts, with_keys, batch);
    } catch (const Missing& missing) {
        if (!missing.model().empty()) failure = Failure{std::current_exception()};
    } catch (...) {
        failure = Failure{std::current_exception()};
    }
    for (const std::size_t index : wanted) {
        Item& item = items_[index];
        if (failure) {
            // Nothing of a batch that broke off is trusted.
            if (item.state == State::found) reset(*item.table, item.object);
            fail(item, *failure);
        } else if (item.state != State::found) {
            item.state = State::absent;  // it looked everything up, and this is not there
            item.failure.reset();
        }
    }
}

/// A refill never fails the call: what goes wrong is counted.
void Load::store(const Group& group, const std::vector<std::size_t>& loaded) {
    if (loaded.empty() || group.cache.is_bypass()) return;
    Tally tally{group.cache};
    std::vector<std::size_t> sent;
    std::vector<Outcome> outcomes;
    Pointers pointers;
    try {
        std::vector<PreparedEntry> prepared;
        std::vector<Entry> entries;
        prepared.reserve(loaded.size());
        entries.reserve(loaded.size());
        sent.reserve(loaded.size());
        for (const std::size_t index : loaded) {
            const Item& item = items_[index];
            try {
                PreparedEntry entry = prepare(group.cache, *item.table, item.object, item.key,
                                              item.table->options.expires);
                pointers.add(group.cache, *item.table, item.object, item.table->options.expires);
                prepared.push_back(std::move(entry));
            } catch (...) {  // a converter of the user's
                continue;
            }
            entries.push_back({item.key.stored, prepared.back().bytes, prepared.back().lifetime});
            sent.push_back(index);
        }
        entries.insert(entries.end(), pointers.entries().begin(), pointers.entries().end());
        outcomes.resize(entries.size());
        group.cache.store_many(Store::set, entries, outcomes);
        for (std::size_t i = 0; i < sent.size(); ++i) {
            Item& item = items_[sent[i]];
            tally.count_stored(*item.table, outcomes[i]);
            if (item.target == nullptr && outcomes[i].done()) {
                item.revision = revision_of(prepared[i].bytes, item.key);
            }
        }
    } catch (...) {
        // No memory. What is not stored will be loaded again.
        sent.clear();
    }
    // Those that were sent, the cache has counted.
    std::size_t next_sent = 0;
    for (const std::size_t index : loaded) {
        if (next_sent < sent.size() && sent[next_sent] == index) {
            ++next_sent;
        } else {
            tally.count(*items_[index].table, &Counters::store_failures);
        }
    }
}

// ---- references

/// Turns the references of one item into items of their own and edges to them.
class Load::Visitor final : public ReferenceVisitor {
 public:
    Visitor(Load& load, bool deeper, std::vector<std::size_t>& next)
        : load_(load), deeper_(deeper), next_(next) {}

    void enter(std::size_t item) noexcept { from_ = item; }

    void visit(ReferenceBase& reference, const ModelTable& table, Dangling policy) override {
        Target* target = reference.target();
        if (target == nullptr) return;
        LoadGraph& graph = **load_.graph_;
        if (target->graph != &graph) {
            if (target->loaded) return;  // assigned by a loader or by the user: it stays
            target = graph.find_or_add(table, target->keys);
            if (target == nullptr) throw Error("a reference has keys that cannot be stored");
            const bool in_root = load_.items_[from_].target == nullptr;
            if (in_root && load_.roots_given_) {
                load_.references_of_given_.emplace_back(&reference, target);
            } else {
                reference = ReferenceBase{target, in_root};
            }
        }
        if (target->item == Target::no_item) {
            if (!deeper_) return;
            add_item(*target);
        }
        load_.edges_.push_back({from_, target->item, policy});
    }

 private:
    void add_item(Target& target) {
        if (load_.items_.size() - load_.root_count_ >= most_objects) {
            throw TooManyObjects{most_objects};
        }
        EntryKey key = make_model_key(*target.table, target.object);
        target.item = load_.items_.size();
        Item& item = load_.items_.emplace_back(Item{.table = target.table,
                                                    .object = target.object,
                                                    .target = &target,
                                                    .key = std::move(key)});
        (load_.root_like(item) != nullptr ? load_.copied_ : next_).push_back(target.item);
    }

    Load& load_;
    bool deeper_;
    std::vector<std::size_t>& next_;
    std::size_t from_ = 0;
};

std::vector<std::size_t> Load::next_level(const std::vector<std::size_t>& level, bool deeper) {
    std::vector<std::size_t> next;
    Visitor visitor{*this, deeper, next};
    for (const std::size_t index : level) {
        if (items_[index].state != State::found) continue;
        visitor.enter(index);
        Item& item = items_[index];
        try {
            for (const auto visit : item.table->references) visit(item.object, visitor);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (const TooManyObjects&) {
            throw;
        } catch (...) {  // a converter of the user's, for the key of a target
            fail(item, Failure{std::current_exception()});
        }
    }
    return next;
}

/// What refers to something that is not there is not there either, up to the roots, unless it may
/// dangle. What refers to something that nobody can tell about has failed, also where it may
/// dangle: nobody can tell whether it does.
void Load::spread(State state) {
    std::vector<std::size_t> reached;
    for (std::size_t i = root_count_; i < items_.size(); ++i) {
        if (items_[i].state == state) reached.push_back(i);
    }
    if (reached.empty()) return;

    std::vector<std::vector<std::size_t>> referrers(items_.size());
    for (const auto& edge : edges_) {
        const bool spreads = state == State::failed || edge.policy == Dangling::missing;
        if (spreads) referrers[edge.to].push_back(edge.from);
    }
    for (std::size_t done = 0; done < reached.size(); ++done) {
        const Item& to = items_[reached[done]];
        for (const std::size_t from : referrers[reached[done]]) {
            Item& item = items_[from];
            if (item.state != State::found) continue;
            item.state = state;
            if (state == State::failed) {
                item.failure = to.failure;
            } else {
                item.reason = MissReason::broken_reference;
                item.broken = to.broken ? to.broken
                                        : BrokenReference{item.table->name().name, item.key.stored,
                                                          to.table->name().name, to.key.stored};
            }
            reached.push_back(from);
        }
    }
}

void Load::answer(std::span<Answer> answers) {
    for (std::size_t i = 0; i < root_count_; ++i) {
        Item& item = items_[i];
        if (item.state == State::found) continue;
        if (item.broken) {
            Tally{door_.cache}.count_miss(*item.table, MissReason::broken_reference);
        }
        answers[i] = std::make_shared<const Nothing>(Nothing{
            .model = item.table->name().name,
            .key = std::move(item.key.stored),
            .reason = item.reason,
            .broken = std::move(item.broken),
            .failure = std::move(item.failure),
            .make_missing = item.table->make_missing,
        });
    }
}

void Load::tell_revisions(std::span<Revision> revisions) const {
    for (std::size_t i = 0; i < revisions.size(); ++i) revisions[i] = items_[i].revision;
}

void Load::fill_given() noexcept {
    for (const auto& [reference, target] : references_of_given_) {
        if (target->loaded) *reference = ReferenceBase{target, true};
    }
}

}  // namespace

void fetch_models(const Door& door, const ModelTable& table, std::span<void* const> objects,
                  std::span<Answer> answers, std::span<Revision> revisions) {
    Load load{door};
    load.add_roots(table, objects, false);
    load.fetch_all();
    load.answer(answers);
    load.tell_revisions(revisions);
}

void fetch_references(const Door& door, const ModelTable& table, std::span<void* const> objects,
                      std::span<Answer> answers) {
    Load load{door};
    load.add_roots(table, objects, true);
    load.fetch_all();
    load.answer(answers);
    load.fill_given();
}

}  // namespace cachemodel::detail
