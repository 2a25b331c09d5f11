// cachemodel: a program that reads and writes a model of six fields.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>

#include <cstdint>
#include <string>
#include <vector>

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

std::string give_to(const cachemodel::Models<Survey>& surveys, const std::string& address,
                    const std::string& owner) {
    Survey survey = surveys.get(address);
    std::string before = survey.owner;
    survey.owner = owner;
    surveys.save(survey);
    return before;
}
