// cachemodel: what tests of cached calls stand on: a function of each kind, over one source.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cached_form_method.hpp>

#include "support/load_rig.hpp"

#include <string>
#include <utility>

namespace cachemodel::support {

/// A rig whose table is what the functions below read as long as it lives.
struct CallLoadRig : LoadRig {
    CallLoadRig() { source = &table; }
    ~CallLoadRig() { source = nullptr; }
    CallLoadRig(const CallLoadRig&) = delete;
    CallLoadRig& operator=(const CallLoadRig&) = delete;

    inline static Table* source = nullptr;
};

inline int price(const std::string& name) { return CallLoadRig::source->row(name); }

struct Shop {
    std::string name;

    int price(const std::string& of) const { return CallLoadRig::source->row(of); }
};

/// A form.
class Query {
 public:
    struct Data {
        std::string text;
    };
    explicit Query(std::string text) : text_(std::move(text)) {}
    bool is_valid() const { return !text_.empty(); }
    Data cleaned_data() const { return {text_}; }
    int found() const { return CallLoadRig::source->row(text_); }

 private:
    std::string text_;
};

}  // namespace cachemodel::support

template <>
inline constexpr bool cachemodel::declared_self_contained<cachemodel::support::Query> = true;
