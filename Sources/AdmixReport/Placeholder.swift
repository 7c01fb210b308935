import AdmixModel
