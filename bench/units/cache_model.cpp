// cachemodel: the same as models.cpp through the default cache, with all headers of the core.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <cstdint>
#include <string>
#include <vector>

using cachemodel::CacheModel;
using cachemodel::Field;
using cachemodel::Key;

struct Survey {
    Key<std::string> address;
    Field<std::string> owner;
    Field<std::string> purpose;
    Field<std::int64_t> square_millimetres;
    Field<double> latitude;
    Field<std::vector<std::string>> rooms;
};

std::string give_to(const std::string& address, const std::string& owner) {
    auto survey = CacheModel<Survey>::get(address);
    std::string before = survey.owner;
    survey.owner = owner;
    survey.save();
    return before;
}
