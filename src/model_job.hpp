// cachemodel: loads models by their from_miss.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/engine.hpp>
#include <cachemodel/detail/load_graph.hpp>
#include <cachemodel/detail/model_table.hpp>

#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "load_job.hpp"

namespace cachemodel::detail {

/// What a load of a model hands on.
struct LoadedModel {
    std::shared_ptr<const PreparedEntry> entry;  ///< null: the source has none
    std::vector<ReferenceBase> references;       ///< as the loader assigned them, if there are any
    bool is_part = false;                        ///< a second step is still to come
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

/// Lets the references of `object` lead to what the loader assigned.
void assign_references(const ModelTable& table, void* object, const LoadedModel& product);

/// Makes an object as it was before anything but its keys was set.
void reset(const ModelTable& table, void* object);

/// Loads models of one class. A `KeyLoad`'s `place` is the object.
class ModelJob : public LoadJob {
 public:
    ModelJob(Cache cache, const LoadRules& rules, Counters& own, const Loader& loader,
             const void* contexts)
        : LoadJob(std::move(cache), rules, own), own_(own), loader_(loader), contexts_(contexts) {}

    /// Gives the job an object of its own with the keys of this one.
    void* copy_of(const void* object);

 protected:
    const ModelTable& table() const noexcept { return *loader_.table; }
    void load(std::span<KeyLoad* const> wanted) override;
    bool decode(const OpenedEntry& entry, void* object) const;

 private:
    class Batch;

    std::shared_ptr<const void> take(KeyLoad& load, const OpenedEntry& entry) override;
    std::shared_ptr<const void> missing_product(const KeyLoad& load) override;
    void complete(KeyLoad& load) override;
    std::unique_ptr<LoadJob> make_successor() override;
    void adopt(KeyLoad& load) override { load.place = copy_of(load.place); }
    void follow_up(std::span<KeyLoad* const> stored) override;

    void load_singly(KeyLoad& load);
    void load_batch(std::span<KeyLoad* const> wanted);
    void check_key(const KeyLoad& load, const EntryKey& loaded) const;
    void finish(KeyLoad& load);
    std::shared_ptr<LoadedModel> product_of(const KeyLoad& load) const;
    void complete_object(KeyLoad& load);

    Counters& own_;
    const Loader& loader_;
    const void* const contexts_;
    std::deque<AnyModel> copies_;
    bool is_successor_ = false;
};

}  // namespace cachemodel::detail
